"""What the executor and the router do on the host, as the `ip`, `bridge` and `iptables` lines that it amounts to.

They speak netlink and do more than the lines show: what is there already is left alone, and what can't be finished
is undone. On a host that has nothing of weave's yet, the lines bring about the same state; a test compares.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from weave_http import names

NEIGHBOUR = ("base_reachable_time_ms=5000", "delay_first_probe_time=2", "ucast_solicit=1")
MULTICAST = "224.0.0.0/4"
CHAIN = "WEAVE-FORWARD"
_USUAL_MTU = "1450"
_LONGEST_WITH_BROADCAST = 30
_ROUTER = f"http://127.0.0.1:{names.ROUTER_HTTP_PORT}"
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
        "attach": _attach,
        "detach": _detach,
        "launch": _launch,
        "connect": _connect,
        "forget": _forget,
        "ps": _ps,
        "status": _status,
        "stop": _stop,
        "reset": _reset,
        "version": _version,
    }
    return table[command](words, environ) if command in table else []


def _sysctl(before: str, settings: Sequence[str]) -> str:
    return f"{before}sysctl -qw" + "".join(f" \\\n  net.ipv4.{setting}" for setting in settings)


def _mtu(environ: Mapping[str, str]) -> str:
    return environ.get("WEAVE_MTU") or _USUAL_MTU


def bridge_steps(actor: str, mtu: str) -> list[HostStep]:
    """Return the steps by which there is a bridge, and frames may pass it."""
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
            "Let frames pass from port to port of the bridge. Docker has the host drop what is forwarded, and with "
            "br_netfilter that goes for bridged frames as well.",
            (
                f"iptables -N {CHAIN}",
                f"iptables -A {CHAIN} -i {bridge} -o {bridge} -j ACCEPT",
                f"iptables -I FORWARD -j {CHAIN}",
            ),
            "firewall rule",
        ),
    ]


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


def _attach(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    *cidrs, container = words
    mtu, guest, veth = _mtu(environ), names.GUEST_INTERFACE, f"{names.HOST_VETH_PREFIX}$pid"
    listed = ", ".join(f'"{cidr}"' for cidr in cidrs)
    return [
        _find(container),
        *bridge_steps("executor", mtu),
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
                *(f"{_INSIDE} ip addr add {cidr}{_broadcast(cidr)} dev {guest}" for cidr in cidrs),
                f"{_INSIDE} ip link set {guest} up",
                f"{_INSIDE} ip route add {MULTICAST} dev {guest}",
            ),
            "addresses",
        ),
        HostStep(
            "executor",
            "Tell everybody which MAC has the addresses now, by gratuitous ARP: an old entry would lead astray.",
            tuple(f"{_INSIDE} arping -q -U -c 1 -I {guest} {cidr.partition('/')[0]}" for cidr in cidrs),
            "gratuitous ARP",
        ),
        HostStep(
            "executor",
            "Tell the router, if there is one: it attaches the container again when that restarts.",
            (
                f"curl --request PUT --header 'Content-Type: application/json' \\\n"
                f"  --data '{{\"addresses\": [{listed}]}}' \\\n  {_ROUTER}/attachment/$id",
            ),
            "PUT /attachment/{id}",
            to="router",
        ),
    ]


def _broadcast(cidr: str) -> str:
    return " brd +" if int(cidr.partition("/")[2]) <= _LONGEST_WITH_BROADCAST else ""


def _detach(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    *cidrs, container = words
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
            (f"curl --request DELETE {_ROUTER}/attachment/$id",),
            "PUT or DELETE /attachment/{id}",
            to="router",
        ),
    ]


def _launch(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    port = int(_option(words, "port") or environ.get("WEAVE_PORT") or names.PEER_PORT)
    name = environ.get("WEAVE_CONTAINER_NAME") or names.ROUTER_CONTAINER
    mtu = _mtu(environ)
    restart = "no" if "--no-restart" in words else "always"
    flags = [word for word in words if word != "--no-restart"]
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
                f"  -e PROCFS={names.HOSTPROC} {names.DEFAULT_IMAGE} \\\n"
                f"  --router {shown}",
            ),
            "start the router",
            to="daemon",
        ),
        *bridge_steps("router", mtu),
        vxlan_step(port + 1, mtu),
        HostStep(
            "executor",
            "Wait until the router answers, then print its container's id.",
            (f"until curl --fail --silent {_ROUTER}/status", "do sleep 0.05; done"),
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


def _form(path: str, fields: Sequence[str]) -> str:
    data = " ".join(f"--data-urlencode {shlex.quote(field)}" for field in fields)
    return f"curl {data} \\\n  {_ROUTER}{path}"


def _connect(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    replace = words[:1] == ["--replace"]
    fields = [f"peer={peer}" for peer in words[replace:]] + ["replace=true"] * replace
    return [
        HostStep(
            "executor",
            "Give the router more peers to connect to. It keeps trying, also after a restart.",
            (_form("/connect", fields),),
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
            (_form("/forget", [f"peer={peer}" for peer in words]),),
            "POST /forget",
            to="router",
        )
    ]


def _ps(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
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
    path = "/".join(["/status", *words])
    return [
        HostStep(
            "executor", "Ask the router, and print its answer.", (f"curl {_ROUTER}{path}",), f"GET {path}", to="router"
        )
    ]


def _version(words: list[str], environ: Mapping[str, str]) -> list[HostStep]:
    return [
        HostStep(
            "executor",
            "Ask the router for its version; where none runs, the image's own is printed.",
            (f"curl {_ROUTER}/version",),
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
            (f"curl --request DELETE {_ROUTER}/peer",),
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
            "Remove the firewall's rule.",
            (f"iptables -D FORWARD -j {CHAIN}", f"iptables -F {CHAIN}", f"iptables -X {CHAIN}"),
            "firewall rule off",
        ),
    ]
