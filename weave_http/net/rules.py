"""Which rules there must be. Pure: `weave_http.net.firewall` puts them where they belong.

What each is for stands in docs/firewall.md. They are written as `iptables-save` prints them, so that what is there
can be compared with what must be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network
from itertools import permutations

from weave_http import constants

FORWARD, EXPOSE, INPUT, NAT = "WEAVE-FORWARD", "WEAVE-EXPOSE", "WEAVE-INPUT", "WEAVE"
"""Chains of ours."""
_BRIDGE = constants.BRIDGE
_MULTICAST, _BROADCAST = "224.0.0.0/4", "255.255.255.255/32"
_DNS_PORT = 53


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain of ours, and how packets get there.

    Args:
        table: `filter` or `nat`.
        name: of the chain.
        hook: built-in chain that jumps to it before anything else; empty when a chain of ours does.
        rules: without the `-A CHAIN` that each begins with; a chain without any must not be.
    """

    table: str
    name: str
    hook: str
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Guard:
    """What of the router's must not be reached from containers.

    Args:
        port: TCP port for peers; their data uses UDP on the next one.
        api_port: TCP port of its API on the loopback interface.
        dns_bridge: the engine's bridge, from which containers may ask for names.
    """

    port: int
    api_port: int
    dns_bridge: str


def network(cidr: str) -> str:
    """Return the network of an interface address, as `10.2.1.0/24`."""
    return str(IPv4Interface(cidr).network)


def chains(exposed: Mapping[str, bool], engine_bridges: Iterable[str], guard: Guard | None) -> list[Chain]:
    """Return all chains of ours; those that go by what others say come before those that ask them.

    Args:
        exposed: addresses of the host on the network, in CIDR notation, and whether each masquerades.
        engine_bridges: bridges of the engine's own networks.
        guard: what to protect; None to leave that chain as it is.
    """
    bridges = sorted({*engine_bridges} - {_BRIDGE})
    subnets = sorted({network(cidr) for cidr in exposed}, key=_order)
    masquerading = {network(cidr) for cidr, masquerade in exposed.items() if masquerade}
    natted = [subnet for subnet in subnets if subnet in masquerading]
    wanted = [
        Chain("filter", EXPOSE, "", tuple(rule for subnet in subnets for rule in _let_through(subnet))),
        Chain("filter", FORWARD, "FORWARD", tuple(_forward(bridges, subnets))),
        Chain("nat", NAT, "POSTROUTING", tuple(rule for subnet in natted for rule in masquerade_rules(subnet))),
    ]
    if guard is not None:
        wanted.append(Chain("filter", INPUT, "INPUT", tuple(_input(bridges, guard))))
    return wanted


def none() -> list[Chain]:
    """Return all chains of ours as they are when there are none; those that jump to others come first."""
    return [
        Chain("filter", FORWARD, "FORWARD"),
        Chain("filter", EXPOSE, ""),
        Chain("filter", INPUT, "INPUT"),
        Chain("nat", NAT, "POSTROUTING"),
    ]


def exposed_networks(expose_rules: Iterable[str]) -> set[str]:
    """Return the networks that the rules of `WEAVE-EXPOSE` let through."""
    return {words[1] for rule in expose_rules if (words := rule.split())[:1] == ["-d"]}


def guarded_bridges(forward_rules: Iterable[str]) -> set[str]:
    """Return the engine's bridges that the rules of `WEAVE-FORWARD` keep apart from ours."""
    return {words[1] for rule in forward_rules if (words := rule.split())[2:] == ["-o", _BRIDGE, "-j", "DROP"]}


def masquerade_rules(subnet: str) -> list[str]:
    """Return the rules by which a subnet's packets to elsewhere, and others' to it, bear the host's address."""
    return [
        f"-s {subnet} -d {_MULTICAST} -j RETURN",
        f"-s {subnet} -d {_BROADCAST} -j RETURN",
        f"! -s {subnet} -d {subnet} -j MASQUERADE",
        f"-s {subnet} ! -d {subnet} -j MASQUERADE",
    ]


def _let_through(subnet: str) -> list[str]:
    return [f"-d {subnet} -o {_BRIDGE} -j ACCEPT", f"-s {subnet} -i {_BRIDGE} -j ACCEPT"]


def _forward(bridges: Sequence[str], subnets: Sequence[str]) -> list[str]:
    return [
        *(f"-s {one} -d {other} -i {_BRIDGE} -o {_BRIDGE} -j DROP" for one, other in _strangers(subnets)),
        f"-i {_BRIDGE} -o {_BRIDGE} -j ACCEPT",
        f"-o {_BRIDGE} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        *(f"-i {bridge} -o {_BRIDGE} -j DROP" for bridge in bridges),
        *(f"-i {_BRIDGE} -o {bridge} -j RETURN" for bridge in bridges),
        *([f"-j {EXPOSE}"] if subnets else []),
        f"-o {_BRIDGE} -j DROP",
    ]


def _strangers(subnets: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the pairs of subnets that have no address in common: the host is in both, and must be no way between."""
    for one, other in permutations(map(IPv4Network, subnets), 2):
        if not one.overlaps(other):
            yield str(one), str(other)


def _input(bridges: Sequence[str], guard: Guard) -> list[str]:
    return [
        f"-d 127.0.0.0/8 ! -i lo -p tcp -m tcp --dport {guard.api_port} -j DROP",
        *(f"-i {guard.dns_bridge} -p {kind} -m {kind} --dport {_DNS_PORT} -j ACCEPT" for kind in ("udp", "tcp")),
        *(
            f"-i {bridge} -p {kind} -m {kind} --dport {port} -j DROP"
            for bridge in (_BRIDGE, *bridges)
            for kind, port in (("tcp", guard.port), ("udp", guard.port + 1))
        ),
    ]


def _order(subnet: str) -> tuple[int, ...]:
    return tuple(map(int, subnet.replace("/", ".").split(".")))
