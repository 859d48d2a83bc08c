"""What the executor and the router do on the host, as the `ip`, `bridge` and `iptables` lines that it amounts to.

They speak netlink and do more than the lines show: what is there already is left alone, and what can't be finished
is undone. On a host that has nothing of weave's yet, the lines bring about the same state; a test compares.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from weave_http import names

NEIGHBOUR = ("base_reachable_time_ms=5000", "delay_first_probe_time=2", "ucast_solicit=1")
MULTICAST = "224.0.0.0/4"
FORWARD, EXPOSE, INPUT, NAT = "WEAVE-FORWARD", "WEAVE-EXPOSE", "WEAVE-INPUT", "WEAVE"
"""Chains of ours, in the rule set that has Docker's."""
_USUAL_MTU = "1450"
_LONGEST_WITH_BROADCAST = 30
ROUTER = f"http://127.0.0.1:{names.ROUTER_HTTP_PORT}"
_LINE = 66
"""Most characters of a line before it is continued on the next one."""
_INSIDE = "nsenter -t $pid -n"


@dataclass(frozen=True, slots=True)
class HostStep:
    """One step on the host.

    Args:
        actor: `executor` or `router`.
        text: what it is for, in a sentence or two.
        lines: what it amounts to, as lines of the shell.
        to: who is spoken to, where that is not the kernel: `daemon` or `router`.
        short: the step in a few words.
    """

    actor: str
    text: str
    lines: tuple[str, ...]
    short: str
    to: str = ""


def host_steps(argv: Sequence[str], environ: Mapping[str, str]) -> list[HostStep]:
    """Return the steps of an executor's command.

    Args:
        argv: command and arguments, as the executor gets them.
        environ: the executor's environment.
    """
    command, *words = argv
    table: dict[str, Callable[[list[str], Mapping[str, str]], list[HostStep]]] = {
        "start": lambda words, environ: _start("start", words, environ),
        "restart": lambda words, environ: _start("restart", words, environ),
        "attach": _attach,
        "detach": _detach,
        "launch": _launch,
        "connect": _connect,
        "forget": _forget,
        "expose": _expose,
        "hide": _hide,
        "dns-add": _dns_add,
        "dns-remove": _dns_remove,
        "dns-lookup": _dns_lookup,
        "dns-args": _dns_args,
        "launch-dns": _launch_dns,
        "stop-dns": _stop_dns,
        "ps": _ps,
        "status": _status,
        "stop": _stop,
        "reset": _reset,
        "version": _version,
        "report": _report,
        "prime": lambda words, environ: [_nothing("There is nothing to wait for, as no addresses are handed out.")],
        "rmpeer": _rmpeer,
        "env": lambda words, environ: [_nothing("There is no Docker API proxy: only say what there is instead.")],
        "config": lambda words, environ: [_nothing("There is no Docker API proxy: say so, and fail.")],
        "create-bridge": lambda words, environ: bridge_steps("executor", _mtu(environ)),
        "bridge-type": _bridge_type,
        "docker-bridge-ip": _docker_bridge_ip,
    }
    return table[command](words, environ) if command in table else []


def _sysctl(before: str, settings: Sequence[str]) -> str:
    return f"{before}sysctl -qw" + "".join(f" \\\n  net.ipv4.{setting}" for setting in settings)


def _mtu(environ: Mapping[str, str]) -> str:
    return environ.get("WEAVE_MTU") or _USUAL_MTU


def _docker_bridge(environ: Mapping[str, str]) -> str:
    return environ.get("DOCKER_BRIDGE") or names.DOCKER_BRIDGE


def bridge_steps(actor: str, mtu: str, docker_bridge: str = names.DOCKER_BRIDGE) -> list[HostStep]:
    """Return the steps by which there is a bridge, frames may pass it, and nobody else gets in.

    Args:
        actor: `executor` or `router`.
        mtu: of the overlay.
        docker_bridge: name of the engine's default bridge.
    """
    bridge = names.BRIDGE
    return [
        HostStep(
            actor,
            f"Make the bridge `{bridge}`, if there is none: the switch that this host's containers hang on. Its MTU is "
            "that of the way to the other hosts less 50 bytes for VXLAN. Neighbours are checked within seconds, as "
            "an address may move to another container.",
            (
                f"ip link add name {bridge} type bridge forward_delay 0 stp_state 0",
                _sysctl("", [f"neigh.{bridge}.{item}" for item in NEIGHBOUR]),
                f"ip link set {bridge} mtu {mtu} up",
            ),
            f"bridge {bridge}",
        ),
        HostStep(
            actor,
            "Let frames pass from port to port of the bridge: Docker has the host drop what is forwarded, and with "
            "br_netfilter that goes for bridged frames as well. From elsewhere only answers get in, and from Docker's "
            "own networks (this one, and each that there is) nothing else ever.",
            (
                f"iptables -N {FORWARD}",
                f"iptables -A {FORWARD} -i {bridge} -o {bridge} -j ACCEPT",
                f"iptables -A {FORWARD} -o {bridge} -m conntrack \\\n  --ctstate RELATED,ESTABLISHED -j ACCEPT",
                f"iptables -A {FORWARD} -i {docker_bridge} -o {bridge} -j DROP",
                f"iptables -A {FORWARD} -i {bridge} -o {docker_bridge} -j RETURN",
                f"iptables -A {FORWARD} -o {bridge} -j DROP",
                f"iptables -I FORWARD -j {FORWARD}",
            ),
            "firewall rules",
        ),
    ]


def guard_step(port: int, docker_bridge: str = names.DOCKER_BRIDGE) -> HostStep:
    """Return the step by which the router's ports are closed to containers.

    Args:
        port: TCP port for peers.
        docker_bridge: name of the engine's default bridge.
    """
    return HostStep(
        "router",
        "Close the router's ports to containers, and its API to everybody but this host's own programs. Containers "
        "may ask for names.",
        (
            f"iptables -N {INPUT}",
            f"iptables -A {INPUT} -d 127.0.0.0/8 ! -i lo \\\n  -p tcp --dport {names.ROUTER_HTTP_PORT} -j DROP",
            *(f"iptables -A {INPUT} -i {docker_bridge} -p {kind} --dport 53 -j ACCEPT" for kind in ("udp", "tcp")),
            *(
                f"iptables -A {INPUT} -i {bridge} -p {kind} --dport {number} -j DROP"
                for bridge in (names.BRIDGE, docker_bridge)
                for kind, number in (("tcp", port), ("udp", port + 1))
            ),
            f"iptables -I INPUT -j {INPUT}",
        ),
        "ports closed",
    )


def vxlan_step(port: int, mtu: str) -> HostStep:
    """Return the step by which the bridge reaches other hosts.

    Args:
        port: UDP port of the data.
        mtu: of the overlay.
    """
    device = names.VXLAN_DEVICE
    return HostStep(
        "router",
        "Put a VXLAN device on the bridge: the kernel itself wraps frames for other hosts into UDP, and learns "
        "behind which host a MAC address is.",
        (
            f"ip link add {device} mtu {mtu} type vxlan \\\n  id {names.VNI} dstport {port} learning",
            f"ip link set {device} addrgenmode none",
            f"ip link set {device} master {names.BRIDGE}",
            f"ip link set {device} up",
        ),
        f"device {device}",
    )


def peer_step(address: str) -> HostStep:
    """Return the step by which a connected peer gets frames.

    Args:
        address: the peer's IPv4 address on the underlay.
    """
    return HostStep(
        "router",
        "For each peer that is connected: send it the frames that are for all, or whose place is not known yet.",
        (f"bridge fdb append 00:00:00:00:00:00 \\\n  dev {names.VXLAN_DEVICE} dst {address} self permanent",),
        "flood entry a peer",
    )


def _find(container: str) -> HostStep:
    name = shlex.quote(container)
    return HostStep(
        "executor",
        "Ask the engine, over the mounted socket, for the container's id and process: its network namespace is "
        "found by that.",
        (f"id=$(docker inspect -f '{{{{.Id}}}}' {name})", f"pid=$(docker inspect -f '{{{{.State.Pid}}}}' {name})"),
        "inspect the container",
        to="daemon",
    )


def _start(verb: str, words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    start = HostStep(
        "executor",
        f"Have the engine {verb} the container. It is stopped again if it can't be attached.",
        (f"docker {verb} {shlex.quote(words[-1])}",),
        f"{verb} the container",
        to="daemon",
    )
    return [start, *_attach(words, environ)]


def _attach_options(words: list[str]) -> tuple[list[str], dict[str, list[str]]]:
    """Split off options; return addresses and container, and the options' values."""
    plain: list[str] = []
    options: dict[str, list[str]] = {}
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if not word.startswith("--"):
            plain.append(word.removeprefix("ip:"))
        elif name == "--add-host":
            options.setdefault(name, []).append(value if equals else next(rest, ""))
        else:
            options[name] = []
    return plain, options


def _hosts_file(cidrs: Sequence[str], container: str, options: Mapping[str, list[str]]) -> list[HostStep]:
    entries = [
        (address, name) for name, _, address in (entry.partition(":") for entry in options.get("--add-host", []))
    ]
    lines = [f"{address}\\t{name}" for address, name in entries]
    if "--rewrite-hosts" in options:
        lines = [*(f"{cidr.partition('/')[0]}\\t$name" for cidr in cidrs), *lines]
    if not lines:
        return []
    name = shlex.quote(container)
    own = (
        ('kept=$(grep -v "[[:space:]]$name" $file)', 'printf "%s\\n" "$kept" > $file')
        if "--rewrite-hosts" in options
        else ()
    )
    return [
        HostStep(
            "executor",
            "Write a block of names into the file that the engine mounts as the container's /etc/hosts; for its own "
            "name, instead of what the engine wrote.",
            (
                f"name=$(docker inspect -f '{{{{.Config.Hostname}}}}' {name})",
                f"file=$(docker inspect -f '{{{{.HostsPath}}}}' {name})",
                *own,
                *(f'printf "{line}\\n" >> $file' for line in lines),
            ),
            "names in /etc/hosts",
        )
    ]


def _attach(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    (*cidrs, container), options = _attach_options(words)
    multicast = "--no-multicast-route" not in options
    mtu, guest, veth = _mtu(environ), names.GUEST_INTERFACE, f"{names.HOST_VETH_PREFIX}$pid"
    listed = ", ".join(f'"{cidr}"' for cidr in cidrs)
    return [
        _find(container),
        *bridge_steps("executor", mtu, _docker_bridge(environ)),
        HostStep(
            "executor",
            f"Lay a virtual cable: one end on the bridge, the other, `{guest}`, in the container.",
            (
                f"ip link add {veth} mtu {mtu} master {names.BRIDGE} \\\n"
                f"  type veth peer name {guest} mtu {mtu} netns $pid",
                f"ip link set {veth} up",
            ),
            f"veth with {guest} inside",
        ),
        HostStep(
            "executor",
            "In the container: the addresses, the interface up, and a route for multicast. Taking one address away "
            "later must leave the others of its subnet alone.",
            (
                _sysctl(
                    f"{_INSIDE} ",
                    [*(f"neigh.{guest}.{item}" for item in NEIGHBOUR), f"conf.{guest}.promote_secondaries=1"],
                ),
                *(f"{_INSIDE} ip addr add {cidr}{broadcast(cidr)} dev {guest}" for cidr in cidrs),
                f"{_INSIDE} ip link set {guest} up",
                *([f"{_INSIDE} ip route add {MULTICAST} dev {guest}"] if multicast else []),
            ),
            "addresses",
        ),
        HostStep(
            "executor",
            "Tell everybody which MAC has the addresses now, by gratuitous ARP: an old entry would lead astray.",
            tuple(f"{_INSIDE} arping -q -U -c 1 -I {guest} {cidr.partition('/')[0]}" for cidr in cidrs),
            "gratuitous ARP",
        ),
        *_hosts_file(cidrs, container, options),
        HostStep(
            "executor",
            "Tell the router, if there is one: it attaches the container again when that restarts.",
            (
                f"curl --request PUT --header 'Content-Type: application/json' \\\n"
                f"  --data '{{\"addresses\": [{listed}]}}' \\\n  {ROUTER}/attachment/$id",
            ),
            "PUT /attachment/{id}",
            to="router",
        ),
        _name_step(
            "If the container's hostname has a domain, tell the router that the addresses have that name.",
            "PUT",
            [cidr.partition("/")[0] for cidr in cidrs],
            "NAME",
        ),
    ]


def broadcast(cidr: str) -> str:
    """Return what `ip addr add` needs for an address to have its subnet's broadcast address."""
    return " brd +" if int(cidr.partition("/")[2]) <= _LONGEST_WITH_BROADCAST else ""


def _detach(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    (*cidrs, container), _ = _attach_options(words)
    guest = names.GUEST_INTERFACE
    return [
        _find(container),
        HostStep(
            "executor",
            "Take the addresses away. The first of a subnet must not take the others with it, as it would by default.",
            (
                _sysctl(f"{_INSIDE} ", [f"conf.{guest}.promote_secondaries=1"]),
                *(f"{_INSIDE} ip addr del {cidr} dev {guest}" for cidr in cidrs),
            ),
            "addresses off",
        ),
        HostStep(
            "executor",
            "With the last address goes the interface, and with it the other end of the cable.",
            (
                f"left=$({_INSIDE} ip -4 -o addr show dev {guest})",
                f'[ -n "$left" ] || {_INSIDE} ip link del {guest}',
            ),
            f"{guest} off with the last",
        ),
        HostStep(
            "executor",
            "Tell the router, if there is one, what is left (by PUT), or that nothing is:",
            (f"curl --request DELETE {ROUTER}/attachment/$id",),
            "PUT or DELETE /attachment/{id}",
            to="router",
        ),
        _name_step(
            "Have the router forget the names of the addresses.", "DELETE", [cidr.partition("/")[0] for cidr in cidrs]
        ),
    ]


def _name_step(text: str, method: str, addresses: Sequence[str], name: str = "", owner: str = "$id") -> HostStep:
    """Return the step by which the router is told of names: an empty address stands for all."""
    lines = []
    for address in addresses or ("",):
        path = "/".join([f"{ROUTER}/name/{owner}", *filter(None, [address])])
        if method == "PUT":
            lines.append(f"curl --request PUT --data-urlencode fqdn={name} \\\n  {path}")
        else:
            lines.append(f"curl --request DELETE {shlex.quote(f'{path}?fqdn={name}') if name else path}")
    return HostStep("executor", text, tuple(lines), f"{method} /name/{{id}}", to="router")


def _named(words: list[str]) -> tuple[list[HostStep], list[str], str, str]:
    """Read the words of `dns-add`; return the step that finds the container, the addresses, the name, the owner."""
    addresses = []
    rest = list(words)
    while rest and rest[0].replace(".", "").isdigit():
        addresses.append(rest.pop(0))
    find = [_find(rest[0])] if rest and rest[0] != "-h" else []
    name = shlex.quote(rest[-1]) if "-h" in rest else ""
    return find, addresses, name, "$id" if find else "weave:extern"


def _dns_add(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    find, addresses, name, owner = _named(words)
    text = "Tell the router the name; by default all the container's addresses get its hostname."
    return [*find, _name_step(text, "PUT", addresses or ["ADDRESS"], name or "NAME", owner)]


def _dns_remove(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    find, addresses, name, owner = _named(words)
    return [*find, _name_step("Have the router forget these names.", "DELETE", addresses, name, owner)]


def _dns_lookup(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    return [
        _ask("Ask the router where it serves names.", "/dns-address-port"),
        HostStep(
            "executor",
            "Ask its DNS server, as a container would, and print the addresses.",
            (f"dig @172.17.0.1 +short {shlex.quote(words[0])}",),
            "DNS query",
            to="router",
        ),
    ]


def _dns_args(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    return [
        _ask("Ask the router where it serves names.", "/dns-address-port"),
        _ask("And for the domain: it is searched for names without one.", "/domain"),
    ]


def _launch_dns(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    name = environ.get("WEAVE_CONTAINER_NAME") or names.ROUTER_CONTAINER
    return [
        _ask("Ask the router whether it serves names: it does so by itself.", "/dns-address-port"),
        _ask("And in which domain.", "/domain"),
        HostStep(
            "executor",
            "Print the id of its container.",
            (f"docker inspect -f '{{{{.Id}}}}' {name}",),
            "inspect the router",
            to="daemon",
        ),
    ]


def _stop_dns(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    return [HostStep("executor", "Say that names end with the router.", (":",), "nothing")]


def _ask(text: str, path: str) -> HostStep:
    return HostStep("executor", text, (f"curl {ROUTER}{path}",), f"GET {path}", to="router")


def _launch(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    port = int(_option(words, "port") or environ.get("WEAVE_PORT") or names.PEER_PORT)
    name = environ.get("WEAVE_CONTAINER_NAME") or names.ROUTER_CONTAINER
    mtu = _mtu(environ)
    restart = "no" if "--no-restart" in words else "always"
    flags = [word for word in words if word != "--no-restart"]
    given = environ.get("WEAVE_DOCKER_ARGS")
    arguments = f"\\\n  {given} \\\n  " if given else ""
    shown = shlex.join(flags if _option(words, "port") else ["--port", str(port), *flags])
    return [
        HostStep(
            "executor",
            "Start the router in a container of its own, of the executor's own image. It keeps what it knows in a "
            "volume, and the engine starts it again whenever it ends.",
            (
                f"docker run -d --name {name} --restart {restart} \\\n"
                "  --privileged --net host \\\n"
                f"  -v {names.DOCKER_SOCKET}:{names.DOCKER_SOCKET} \\\n"
                f"  -v {names.PROCFS}:{names.HOSTPROC} \\\n"
                f"  -v {names.ROUTER_VOLUME}:{names.ROUTER_STATE} \\\n"
                f"  -e PROCFS={names.HOSTPROC} {arguments}{names.DEFAULT_IMAGE} \\\n"
                f"  --router {shown}",
            ),
            "start the router",
            to="daemon",
        ),
        *bridge_steps("router", mtu, _docker_bridge(environ)),
        guard_step(port, _docker_bridge(environ)),
        vxlan_step(port + 1, mtu),
        HostStep(
            "executor",
            "Wait until the router answers, then print its container's id.",
            (f"until curl --fail --silent {ROUTER}/status", "do sleep 0.05; done"),
            "GET /status",
            to="router",
        ),
        peer_step("PEER"),
    ]


def _option(words: Sequence[str], name: str) -> str:
    for index, word in enumerate(words):
        option, equals, value = word.lstrip("-").partition("=")
        if word.startswith("-") and option == name:
            return value if equals else "".join(words[index + 1 : index + 2])
    return ""


def form(path: str, fields: Sequence[str]) -> str:
    """Return the curl line that sends fields, each `NAME=VALUE`, to the router as a form."""
    lines = ["curl"]
    for field in fields:
        word = f" --data-urlencode {shlex.quote(field)}"
        if len(lines[-1] + word) > _LINE:
            lines.append(word.strip())
        else:
            lines[-1] += word
    return " \\\n  ".join([*lines, f"{ROUTER}{path}"])


def _connect(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    replace = words[:1] == ["--replace"]
    fields = [f"peer={peer}" for peer in words[replace:]] + ["replace=true"] * replace
    return [
        HostStep(
            "executor",
            "Give the router more peers to connect to. It keeps trying, also after a restart.",
            (form("/connect", fields),),
            "POST /connect",
            to="router",
        ),
        peer_step("PEER"),
    ]


def _forget(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    return [
        HostStep(
            "executor",
            "Let the router stop trying to connect to these peers.",
            (form("/forget", [f"peer={peer}" for peer in words]),),
            "POST /forget",
            to="router",
        )
    ]


def _expose(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    from weave_http.transcript.expose_steps import expose  # a module of its own, which needs this one

    return expose(words)


def _hide(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    from weave_http.transcript.expose_steps import hide

    return hide(words)


def _ps(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    words = _without_format(words)
    listed = " ".join(map(shlex.quote, words)) if words else "$(docker ps -q)"
    steps = [
        HostStep(
            "executor",
            "Read MAC and addresses in each container's namespace, and print a line for those that have any.",
            (
                f"for id in {listed}; do",
                "  pid=$(docker inspect -f '{{.State.Pid}}' $id)",
                f"  {_INSIDE} ip addr show dev {names.GUEST_INTERFACE}",
                "done",
            ),
            "read each namespace",
        )
    ]
    bridge = HostStep(
        "executor",
        "Read the bridge's own MAC and addresses: the line `weave:expose`.",
        (f"ip addr show dev {names.BRIDGE}",),
        "read the bridge",
    )
    return steps if words else [bridge, *steps]


def _status(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    plain = _without_format(words)
    path = "/".join(["/status", *plain]) if plain == words else "/report"
    return [
        HostStep(
            "executor", "Ask the router, and print its answer.", (f"curl {ROUTER}{path}",), f"GET {path}", to="router"
        )
    ]


def _without_format(words: list[str]) -> list[str]:
    return words[2:] if words[:1] == ["--format"] else words


def _report(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    template = f"--get {shlex.quote(f'--data-urlencode=format={words[-1]}')} \\\n  " if words else ""
    return [
        HostStep(
            "executor",
            "Ask the router for all it knows, and print its answer.",
            (f"curl {template}{ROUTER}/report",),
            "GET /report",
            to="router",
        )
    ]


def _rmpeer(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    return [
        HostStep(
            "executor",
            "Have the router forget peers that are gone for good: it stops sending data there at once.",
            tuple(f"curl --request DELETE {ROUTER}/peer/{quote(peer, safe=':')}" for peer in words),
            "DELETE /peer/{name}",
            to="router",
        )
    ]


def _nothing(text: str) -> HostStep:
    return HostStep("executor", text, (), "nothing to do")


def _bridge_type(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    return [
        HostStep(
            "executor",
            "See whether there is a bridge. There is one kind only.",
            (f"ip link show dev {names.BRIDGE}",),
            "look for the bridge",
        )
    ]


def _docker_bridge_ip(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    name = environ.get("DOCKER_BRIDGE") or "docker0"
    return [
        HostStep(
            "executor",
            "Read the first address of the engine's own bridge.",
            (f"ip -4 -o addr show dev {name}",),
            f"read {name}",
        )
    ]


def _version(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    return [
        HostStep(
            "executor",
            "Ask the router for its version; where none runs, the image's own is printed.",
            (f"curl {ROUTER}/version",),
            "GET /version",
            to="router",
        )
    ]


def _stop(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    name = environ.get("WEAVE_CONTAINER_NAME") or names.ROUTER_CONTAINER
    return [
        HostStep(
            "executor",
            "Let the router say goodbye to its peers, so that they stop sending at once.",
            (f"curl --request DELETE {ROUTER}/peer",),
            "DELETE /peer",
            to="router",
        ),
        HostStep(
            "router",
            "Take the way to the other hosts down. The bridge stays: this host's containers reach each other still.",
            (f"ip link del {names.VXLAN_DEVICE}",),
            f"{names.VXLAN_DEVICE} off",
        ),
        HostStep(
            "executor",
            "Stop the router's container and remove it. Its volume stays.",
            (f"docker stop {name}", f"docker rm --force {name}"),
            "stop the router",
            to="daemon",
        ),
    ]


def _reset(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    return [
        *_stop([], environ),
        HostStep(
            "executor",
            "Remove what the router remembers.",
            (f"docker volume rm {names.ROUTER_VOLUME}",),
            "remove the volume",
            to="daemon",
        ),
        HostStep(
            "executor",
            "Remove all cables, and the bridge.",
            (
                f"for veth in $(ip -br link show type veth | grep -o '^{names.HOST_VETH_PREFIX}[0-9]*')",
                "do ip link del $veth; done",
                f"ip link del {names.BRIDGE}",
            ),
            "bridge and veths off",
        ),
        HostStep(
            "executor",
            "Remove the firewall's rules.",
            (
                f"iptables -D FORWARD -j {FORWARD}",
                f"iptables -D INPUT -j {INPUT}",
                f"iptables -t nat -D POSTROUTING -j {NAT}",
                f"for chain in {FORWARD} {INPUT} {EXPOSE}",
                "do iptables -F $chain; iptables -X $chain; done",
                f"iptables -t nat -F {NAT}",
                f"iptables -t nat -X {NAT}",
            ),
            "firewall rules off",
        ),
    ]
