"""What `attach`, `detach`, `start`, `restart` and `ps` do on the host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from weave_http import constants
from weave_http.operations import Attach, Detach, Ps, Restart, Start
from weave_http.transcript.host_steps.devices import bridge_steps
from weave_http.transcript.host_steps.handed import Shown, handed_out, looked_up, shown
from weave_http.transcript.host_steps.naming import name_step
from weave_http.transcript.host_steps.step import (
    INSIDE,
    IPV6,
    MULTICAST,
    MULTICAST_6,
    NEIGHBOUR,
    NO_ADVICE,
    NO_IPV6,
    ROUTER,
    HostStep,
    announcement,
    broadcast,
    docker_bridge,
    find_container,
    mtu_of,
    sysctl,
    sysctl6,
)
from weave_http.transcript.quoting import shown_line, shown_word


def start(operation: Start, environ: Mapping[str, str]) -> list[HostStep]:
    """Return the steps of `start`."""
    return [_up("start", operation.container), *attach(operation, environ)]


def restart(operation: Restart, environ: Mapping[str, str]) -> list[HostStep]:
    """Return the steps of `restart`."""
    return [_up("restart", operation.container), *attach(operation, environ)]


def _up(verb: str, container: str) -> HostStep:
    return HostStep(
        "executor",
        f"Have the engine {verb} the container. It is stopped again if it can't be attached.",
        (f"docker {verb} {shown_word(container)}",),
        f"{verb} the container",
        to="daemon",
    )


def hosts_file(operation: Attach) -> list[HostStep]:
    """Return the step by which names are written into the container's hosts file, if there are any."""
    lines = [f"{address}\\t{name}" for name, address in operation.extra_hosts]
    if operation.rewrite_hosts:
        lines = [*(f"{cidr.ip}\\t$name" for cidr in shown(operation.addresses)), *lines]
    if not lines:
        return []
    name = shown_word(operation.container)
    own = (
        ('kept=$(grep -v "[[:space:]]$name" $file)', 'printf "%s\\n" "$kept" > $file')
        if operation.rewrite_hosts
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


def attach(operation: Attach, environ: Mapping[str, str]) -> list[HostStep]:
    """Return the steps of `attach`."""
    cidrs, container = shown(operation.addresses), operation.container
    mtu, guest = mtu_of(environ), constants.GUEST_INTERFACE
    sixes = [cidr for cidr in cidrs if cidr.network.version == 6]
    listed = ", ".join(f'"{cidr}"' for cidr in cidrs)
    return [
        find_container(container),
        *handed_out(operation.addresses, "$id"),
        *bridge_steps("executor", mtu, docker_bridge(environ)),
        HostStep(
            "executor",
            f"Lay a virtual cable: one end on the bridge, the other, `{guest}`, in the container. The first is called "
            "after the number of the container's network namespace.",
            (
                f"veth={constants.HOST_VETH_PREFIX}$(printf %x $(stat -Lc %i /proc/$pid/ns/net))",
                f"ip link add $veth mtu {mtu} master {constants.BRIDGE} \\\n"
                f"  type veth peer name {guest} mtu {mtu} netns $pid",
                sysctl6("", "$veth", NO_IPV6),
                "ip link set $veth up",
            ),
            f"veth with {guest} inside",
        ),
        HostStep(
            "executor",
            "In the container: the addresses, the interface up, and a route for multicast. Taking one address away "
            "later must leave the others of its subnet alone. Whoever else is on the network has no say in its routes: "
            "at its end of the cable the host takes no Router Advertisement from a container, and nothing about "
            "neighbours of other subnets (nf_tables, family netdev, table weave).",
            (
                sysctl(
                    f"{INSIDE} ",
                    [*(f"neigh.{guest}.{item}" for item in NEIGHBOUR), f"conf.{guest}.promote_secondaries=1"],
                ),
                sysctl6(f"{INSIDE} ", guest, NO_ADVICE),
                *(_ipv6_on(guest) if sixes else ()),
                *(f"{INSIDE} ip addr add {cidr}{broadcast(cidr)} dev {guest}" for cidr in cidrs),
                f"{INSIDE} ip link set {guest} up",
                *([_MULTICAST_ROUTE_6] if operation.multicast and sixes else []),
                *([f"{INSIDE} ip route add {MULTICAST} dev {guest}"] if operation.multicast else []),
            ),
            "addresses",
        ),
        HostStep(
            "executor",
            "Tell everybody which MAC has the addresses now, by gratuitous ARP: an old entry would lead astray.",
            tuple(announcement(f"{INSIDE} ", guest, cidr) for cidr in cidrs),
            "gratuitous ARP",
        ),
        *hosts_file(operation),
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
        *([_named(cidrs)] if operation.dns else []),
    ]


_MULTICAST_ROUTE_6 = (
    f"{INSIDE} ip -6 route add multicast {MULTICAST_6} dev {constants.GUEST_INTERFACE} \\\n  table local metric 128"
)


def _ipv6_on(guest: str) -> list[str]:
    """Return the lines that turn IPv6 on where the engine has it off, and let a container reach its own address."""
    return [
        sysctl6(f"{INSIDE} ", guest, IPV6),
        f"{INSIDE} sysctl -qw net.ipv6.conf.lo.disable_ipv6=0",
        f"{INSIDE} sysctl -qw" + "".join(f" \\\n  net.ipv6.neigh.{guest}.{item}" for item in NEIGHBOUR),
    ]


def _named(cidrs: Sequence[Shown]) -> HostStep:
    text = "If the container's hostname has a domain, tell the router that the addresses have that name."
    return name_step(text, "PUT", [cidr.ip for cidr in cidrs], "NAME")


def detach(operation: Detach, _: Mapping[str, str]) -> list[HostStep]:
    """Return the steps of `detach`."""
    cidrs, container, guest = shown(operation.addresses), operation.container, constants.GUEST_INTERFACE
    return [
        find_container(container),
        *looked_up(operation.addresses, "$id"),
        HostStep(
            "executor",
            "Take the addresses away. The first of a subnet must not take the others with it, as it would by default.",
            (
                sysctl(f"{INSIDE} ", [f"conf.{guest}.promote_secondaries=1"]),
                *(f"{INSIDE} ip addr del {cidr} dev {guest}" for cidr in cidrs),
            ),
            "addresses off",
        ),
        HostStep(
            "executor",
            "With the last address goes the interface, and with it the other end of the cable.",
            (
                f"left=$({INSIDE} ip -o addr show dev {guest} scope global)",
                f'[ -n "$left" ] || {INSIDE} ip link del {guest}',
            ),
            f"{guest} off with the last",
        ),
        HostStep(
            "executor",
            "Tell the router what is left (by PUT), or that nothing is. Where none runs, a note in its volume tells "
            "the next one:",
            (f"curl --request DELETE {ROUTER}/attachment/$id",),
            "PUT or DELETE /attachment/{id}",
            to="router",
        ),
        name_step("Have the router forget the names of the addresses.", "DELETE", [cidr.ip for cidr in cidrs]),
    ]


def ps(operation: Ps, _: Mapping[str, str]) -> list[HostStep]:
    """Return the steps of `ps`."""
    listed = shown_line(operation.containers) or "$(docker ps -q)"
    steps = [
        HostStep(
            "executor",
            "Read MAC and addresses in each container's namespace, and print a line for those that have any.",
            (
                f"for id in {listed}; do",
                "  pid=$(docker inspect -f '{{.State.Pid}}' $id)",
                f"  {INSIDE} ip addr show dev {constants.GUEST_INTERFACE}",
                "done",
            ),
            "read each namespace",
        )
    ]
    bridge = HostStep(
        "executor",
        "Read the bridge's own MAC and addresses: the line `weave:expose`.",
        (f"ip addr show dev {constants.BRIDGE}",),
        "read the bridge",
    )
    return steps if operation.containers else [bridge, *steps]
