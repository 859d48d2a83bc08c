"""What `expose` and `hide` do on the host, as the lines that it amounts to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network
from itertools import permutations

from weave_http import constants
from weave_http.operations import Expose, Hide
from weave_http.transcript.host_steps.handed import Shown, ShownNetwork, given_back, handed_out, looked_up, shown
from weave_http.transcript.host_steps.step import (
    EXPOSE,
    FORWARD,
    INPUT,
    IPV6,
    MULTICAST,
    MULTICAST_6,
    NAT,
    PROGRAMS,
    ROUTER,
    HostStep,
    announcement,
    broadcast,
    form,
    sysctl6,
    versions,
)
from weave_http.transcript.quoting import shown_word

Network = IPv4Network | IPv6Network | ShownNetwork


def expose(operation: Expose, _: Mapping[str, str]) -> list[HostStep]:
    """Return the steps of `expose`."""
    cidrs, masquerade, name = shown(operation.addresses), operation.masquerade, operation.fqdn
    subnets = _subnets(cidrs)
    bridge = constants.BRIDGE
    fields = [*(f"address={cidr}" for cidr in cidrs), f"skipNAT={str(not masquerade).lower()}"]
    fields += [f"fqdn={name}"] if name else []
    return [
        *handed_out(operation.addresses, "weave:expose"),
        HostStep(
            "executor",
            "Ask the router to do the following, and to see to it that it stays so, over reboots as well. Where none "
            "runs, the executor does it itself, after it made sure of the bridge and its rules.",
            (form("/expose", fields),),
            "POST /expose",
            to="router",
        ),
        HostStep(
            "router",
            "Let packets pass between these subnets and what the host routes to, or is; the host is no way from one of "
            "the subnets to another.",
            tuple(line for version in versions(subnets) for line in _let_through(version, _of(version, subnets))),
            "forwarding rules",
        ),
        *([_masquerade(subnets)] if masquerade else []),
        HostStep(
            "router",
            "Give the bridge the addresses, and tell everybody by gratuitous ARP.",
            (
                f"sysctl -qw net.ipv4.conf.{bridge}.promote_secondaries=1",
                *([sysctl6("", bridge, ("addr_gen_mode=1", *IPV6))] if 6 in versions(subnets) else []),
                *(f"ip addr add {cidr}{broadcast(cidr)} dev {bridge}" for cidr in cidrs),
                *(announcement("", bridge, cidr) for cidr in cidrs),
            ),
            "addresses of the host",
        ),
        *([_named(cidrs, name)] if name else []),
    ]


def _let_through(version: int, subnets: Sequence[Network]) -> list[str]:
    """Return the lines that let packets of subnets of one version of IP pass."""
    program, bridge = PROGRAMS[version], constants.BRIDGE
    reached = [*_neighbours(version), *(f"-s {subnet} -i {bridge}" for subnet in subnets)]
    return [
        f"{program} -N {EXPOSE}",
        *(
            f"{program} -A {EXPOSE} {match} -j ACCEPT"
            for subnet in subnets
            for match in (f"-d {subnet} -o {bridge}", f"-s {subnet} -i {bridge}")
        ),
        f"last=$({program} -S {FORWARD} | grep -c '^-A')",
        f"{program} -I {FORWARD} $last -j {EXPOSE}",
        f"last=$({program} -S {INPUT} | grep -c '^-A')",
        *(f"{program} -I {INPUT} $((last + {number})) {match} -j RETURN" for number, match in enumerate(reached)),
        *(
            f"{program} -I {FORWARD} {number} -s {one} -d {other} \\\n  -i {bridge} -o {bridge} -j DROP"
            for number, (one, other) in enumerate(_strangers(subnets), start=1)
        ),
    ]


def _taken_out(version: int, subnets: Sequence[Network]) -> list[str]:
    """Return the lines that undo this, and the masquerading."""
    program, bridge = PROGRAMS[version], constants.BRIDGE
    return [
        *(
            f"{program} -D {EXPOSE} {match} -j ACCEPT"
            for subnet in subnets
            for match in (f"-d {subnet} -o {bridge}", f"-s {subnet} -i {bridge}")
        ),
        *(f"{program} -D {INPUT} {match} -j RETURN" for match in _neighbours(version)),
        *(f"{program} -D {INPUT} -s {subnet} -i {bridge} -j RETURN" for subnet in subnets),
        *(
            f"{program} -D {FORWARD} -s {one} -d {other} \\\n  -i {bridge} -o {bridge} -j DROP"
            for one, other in _strangers(subnets)
        ),
        f"{program} -S {EXPOSE} | grep '^-A' ||",
        f"{{ {program} -D {FORWARD} -j {EXPOSE}; {program} -X {EXPOSE}; }}",
        *(f"{program} -t nat -D {NAT} {rule}" for subnet in subnets for rule in _natted(subnet)),
        f"{program} -t nat -S {NAT} | grep '^-A' ||",
        f"{{ {program} -t nat -D POSTROUTING -j {NAT}",
        f"  {program} -t nat -X {NAT}; }}",
    ]


def _neighbours(version: int) -> list[str]:
    """Return what lets containers find the host's MAC; nothing like ARP is needed for it in IPv6."""
    kinds = (135, 136) if version == 6 else ()
    return [f"-p ipv6-icmp --icmpv6-type {kind} -i {constants.BRIDGE}" for kind in kinds]


def _of(version: int, subnets: Sequence[Network]) -> list[Network]:
    return [subnet for subnet in subnets if subnet.version == version]


def _masquerade(subnets: Sequence[Network]) -> HostStep:
    return HostStep(
        "router",
        "Have packets between these subnets and elsewhere bear the host's address; multicast and broadcast stay as "
        "they are.",
        tuple(
            line
            for version in versions(subnets)
            for line in (
                f"{PROGRAMS[version]} -t nat -N {NAT}",
                *(
                    f"{PROGRAMS[version]} -t nat -A {NAT} {rule}"
                    for subnet in _of(version, subnets)
                    for rule in _natted(subnet)
                ),
                f"{PROGRAMS[version]} -t nat -I POSTROUTING -j {NAT}",
            )
        ),
        "masquerading",
    )


def _natted(subnet: Network) -> tuple[str, ...]:
    to_many = (MULTICAST, "255.255.255.255") if subnet.version == 4 else (MULTICAST_6,)
    return (
        *(f"-s {subnet} -d {several} -j RETURN" for several in to_many),
        f"-d {subnet} ! -s {subnet} -j MASQUERADE",
        f"-s {subnet} ! -d {subnet} -j MASQUERADE",
    )


def _named(cidrs: Sequence[Shown], name: str) -> HostStep:
    return HostStep(
        "executor",
        "Give the addresses a name in the DNS.",
        tuple(
            f"curl --request PUT --data-urlencode {shown_word(f'fqdn={name}')} \\\n"
            f"  {ROUTER}/name/weave:expose/{cidr.ip}"
            for cidr in cidrs
        ),
        "PUT /name/weave:expose/{ip}",
        to="router",
    )


def _subnets(cidrs: Sequence[Shown]) -> list[Network]:
    return list(dict.fromkeys(cidr.network for cidr in cidrs))


def _strangers(subnets: Sequence[Network]) -> list[tuple[Network, Network]]:
    """Return the pairs of subnets between which the host is no way."""
    # In the order of their texts, as the executor writes its rules.
    return [pair for pair in permutations(sorted(subnets, key=str), 2) if not _overlap(*pair)]


def _overlap(one: Network, two: Network) -> bool:
    return isinstance(one, ShownNetwork) or isinstance(two, ShownNetwork) or one.overlaps(two)


def hide(operation: Hide, _: Mapping[str, str]) -> list[HostStep]:
    """Return the steps of `hide`."""
    bridge, cidrs = constants.BRIDGE, shown(operation.addresses)
    subnets = _subnets(cidrs)
    asked = form("/expose", [f"address={cidr}" for cidr in cidrs])
    return [
        *looked_up(operation.addresses, "weave:expose"),
        HostStep(
            "executor",
            "Ask the router to do the following, and to forget. Where none runs, the executor does it itself, and "
            "leaves a note in the router's volume for the next one.",
            (asked.replace("curl ", "curl --request DELETE --get ", 1),),
            "DELETE /expose",
            to="router",
        ),
        HostStep(
            "router",
            "Remove the rules of these subnets, unless the host keeps another address in one, and with the last "
            "subnet the chains.",
            tuple(line for version in versions(subnets) for line in _taken_out(version, _of(version, subnets))),
            "rules off",
        ),
        HostStep(
            "router",
            "Take the addresses from the bridge. The first of a subnet must not take the others with it.",
            (
                f"sysctl -qw net.ipv4.conf.{bridge}.promote_secondaries=1",
                *(f"ip addr del {cidr} dev {bridge}" for cidr in cidrs),
                *([sysctl6("", bridge, ("disable_ipv6=1",))] if 6 in versions(subnets) else []),
            ),
            "addresses off",
        ),
        HostStep(
            "executor",
            "Take their names out of the DNS.",
            tuple(f"curl --request DELETE {ROUTER}/name/weave:expose/{cidr.ip}" for cidr in cidrs),
            "DELETE /name/weave:expose/{ip}",
            to="router",
        ),
        given_back(cidrs, "weave:expose"),
    ]
