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
    MULTICAST,
    NAT,
    ROUTER,
    HostStep,
    broadcast,
    form,
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
            (
                f"iptables -N {EXPOSE}",
                *(
                    f"iptables -A {EXPOSE} {match} -j ACCEPT"
                    for subnet in subnets
                    for match in (f"-d {subnet} -o {bridge}", f"-s {subnet} -i {bridge}")
                ),
                f"last=$(iptables -S {FORWARD} | grep -c '^-A')",
                f"iptables -I {FORWARD} $last -j {EXPOSE}",
                f"last=$(iptables -S {INPUT} | grep -c '^-A')",
                *(
                    f"iptables -I {INPUT} $((last + {number})) -s {subnet} -i {bridge} -j RETURN"
                    for number, subnet in enumerate(subnets)
                ),
                *(
                    f"iptables -I {FORWARD} {number} -s {one} -d {other} \\\n  -i {bridge} -o {bridge} -j DROP"
                    for number, (one, other) in enumerate(_strangers(subnets), start=1)
                ),
            ),
            "forwarding rules",
        ),
        *([_masquerade(subnets)] if masquerade else []),
        HostStep(
            "router",
            "Give the bridge the addresses, and tell everybody by gratuitous ARP.",
            (
                f"sysctl -qw net.ipv4.conf.{bridge}.promote_secondaries=1",
                *(f"ip addr add {cidr}{broadcast(cidr)} dev {bridge}" for cidr in cidrs),
                *(f"arping -q -U -c 1 -I {bridge} {cidr.ip}" for cidr in cidrs),
            ),
            "addresses of the host",
        ),
        *([_named(cidrs, name)] if name else []),
    ]


def _masquerade(subnets: Sequence[Network]) -> HostStep:
    return HostStep(
        "router",
        "Have packets between these subnets and elsewhere bear the host's address; multicast and broadcast stay as "
        "they are.",
        (
            f"iptables -t nat -N {NAT}",
            *(f"iptables -t nat -A {NAT} {rule}" for subnet in subnets for rule in _natted(subnet)),
            f"iptables -t nat -I POSTROUTING -j {NAT}",
        ),
        "masquerading",
    )


def _natted(subnet: Network) -> tuple[str, ...]:
    return (
        f"-s {subnet} -d {MULTICAST} -j RETURN",
        f"-s {subnet} -d 255.255.255.255 -j RETURN",
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
            "Ask the router to do the following, and to forget. Where none runs, the executor does it itself.",
            (asked.replace("curl ", "curl --request DELETE --get ", 1),),
            "DELETE /expose",
            to="router",
        ),
        HostStep(
            "router",
            "Remove the rules of these subnets, unless the host keeps another address in one, and with the last "
            "subnet the chains.",
            (
                *(
                    f"iptables -D {EXPOSE} {match} -j ACCEPT"
                    for subnet in subnets
                    for match in (f"-d {subnet} -o {bridge}", f"-s {subnet} -i {bridge}")
                ),
                *(f"iptables -D {INPUT} -s {subnet} -i {bridge} -j RETURN" for subnet in subnets),
                *(
                    f"iptables -D {FORWARD} -s {one} -d {other} \\\n  -i {bridge} -o {bridge} -j DROP"
                    for one, other in _strangers(subnets)
                ),
                f"iptables -S {EXPOSE} | grep '^-A' ||",
                f"{{ iptables -D {FORWARD} -j {EXPOSE}; iptables -X {EXPOSE}; }}",
                *(f"iptables -t nat -D {NAT} {rule}" for subnet in subnets for rule in _natted(subnet)),
                f"iptables -t nat -S {NAT} | grep '^-A' ||",
                f"{{ iptables -t nat -D POSTROUTING -j {NAT}",
                f"  iptables -t nat -X {NAT}; }}",
            ),
            "rules off",
        ),
        HostStep(
            "router",
            "Take the addresses from the bridge. The first of a subnet must not take the others with it.",
            (
                f"sysctl -qw net.ipv4.conf.{bridge}.promote_secondaries=1",
                *(f"ip addr del {cidr} dev {bridge}" for cidr in cidrs),
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
