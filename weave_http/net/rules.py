"""Which rules there must be. Pure: `weave_http.net.firewall` puts them where they belong.

What each is for stands in docs/firewall.md. They are written as `iptables-save` prints them, so that what is there
can be compared with what must be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_network
from itertools import permutations
from types import MappingProxyType

from weave_http import constants
from weave_http.addresses import IP, Cidr, Network, order
from weave_http.net import relays
from weave_http.records import dataclass

FORWARD, EXPOSE, INPUT, DATA, NAT = "WEAVE-FORWARD", "WEAVE-EXPOSE", "WEAVE-INPUT", "WEAVE-DATA", "WEAVE"
"""Chains of ours."""
_BRIDGE = constants.BRIDGE
_SEGMENTS = f"{constants.SEGMENT_BRIDGE_PREFIX}+"
"""The bridges of further Docker networks. The host has no address on them, so nothing is routed from one to another."""
_TUNNEL = f"{constants.TUNNEL_DEVICE}+"
"""Both devices of tunnels, as iptables has it."""
_MULTICAST, _BROADCAST, _MULTICAST_6 = "224.0.0.0/4", "255.255.255.255/32", "ff00::/8"
_NEIGHBOR_SOLICITATION, _NEIGHBOR_ADVERTISEMENT = 135, 136
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
    """What of the router's must not be reached from containers, on this host or another.

    Args:
        port: TCP port for peers; their data uses UDP on the next one.
        local_ports: TCP ports on the loopback interface: of its API, of its metrics.
        dns_bridge: the engine's bridge, from which containers may ask for names.
    """

    port: int
    local_ports: tuple[int, ...]
    dns_bridge: str


def chains(
    exposed: Mapping[Cidr, bool],
    container_bridges: Iterable[str],
    guard: Guard | None,
    relayed: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
    data: Sequence[str] = (),
    *,
    version: int = 4,
) -> list[Chain]:
    """Return all chains of ours for a version of IP; those that go by what others say come before those that ask.

    Args:
        exposed: addresses of the host on the network, and whether each masquerades.
        container_bridges: bridges that only containers hang on.
        guard: what to protect; None if there is nothing yet.
        relayed: rules for frames over other hosts (`weave_http.net.relays`).
        data: rules for what comes in at the port for data (`data_rules`).
        version: of IP: 4 or 6.
    """
    exposed = {cidr: masquerade for cidr, masquerade in exposed.items() if cidr.version == version}
    bridges = sorted({*container_bridges} - {_BRIDGE})
    subnets = sorted({cidr.network for cidr in exposed}, key=order)
    masquerading = {cidr.network for cidr, masquerade in exposed.items() if masquerade}
    natted = [subnet for subnet in subnets if subnet in masquerading]
    passed, masked = (relayed.get(name, ()) for name in (relays.PASS, relays.MASK))
    return [
        Chain("filter", EXPOSE, "", tuple(rule for subnet in subnets for rule in _let_through(subnet))),
        Chain("filter", relays.PASS, "", passed),
        Chain("filter", relays.IN, "", relayed.get(relays.IN, ())),
        Chain("filter", DATA, "", tuple(data)),
        Chain("nat", relays.OUT, "OUTPUT", relayed.get(relays.OUT, ())),
        Chain("nat", relays.BACK, "PREROUTING", relayed.get(relays.BACK, ())),
        Chain("nat", relays.SOURCE, "INPUT", relayed.get(relays.SOURCE, ())),
        Chain("nat", relays.MASK, "", masked),
        Chain("filter", FORWARD, "FORWARD", (*_jump(relays.PASS, passed), *_forward(bridges, subnets, guard))),
        Chain(
            "filter",
            INPUT,
            "INPUT",
            (
                *(_closed_ports(bridges, guard, version) if guard else ()),
                *_to_data(guard, data),
                *_to_transits(guard, relayed.get(relays.IN, ())),
                *_to_the_host(subnets),
            ),
        ),
        Chain(
            "nat",
            NAT,
            "POSTROUTING",
            (*_jump(relays.MASK, masked), *(rule for subnet in natted for rule in masquerade_rules(subnet))),
        ),
    ]


def data_rules(sources: Iterable[IP], port: int, *, tunnel: bool, version: int = 4) -> tuple[str, ...]:
    """Return the rules for what comes in at the port for data: frames of peers, and of no one else.

    Args:
        sources: underlay addresses of the peers whose frames come as they are.
        port: UDP port for data.
        tunnel: whether there is one. What comes out of it is encrypted and some peer's, and is nothing but frames; its
            addresses are of IPv4.
        version: of IP that the rules are for.
    """
    out_of_it = (f"-i {_TUNNEL} -p udp -m udp --dport {port} -j ACCEPT", f"-i {_TUNNEL} -j DROP")
    return (
        *(out_of_it if tunnel and version == 4 else ()),
        *(f"-s {ip}/{ip.max_prefixlen} -j RETURN" for ip in sorted(sources, key=order) if ip.version == version),
        "-j DROP",
    )


def exposed_networks(expose_rules: Iterable[str]) -> set[Network]:
    """Return the networks that the rules of `WEAVE-EXPOSE` let through."""
    return {ip_network(words[1]) for rule in expose_rules if (words := rule.split())[:1] == ["-d"]}


def guard_of(input_rules: Sequence[str]) -> Guard | None:
    """Return what the rules of `WEAVE-INPUT` protect, or nothing if they are not (all) there."""
    local: list[int] = []
    peers, names = "", ""
    for words in map(str.split, input_rules):
        match words:
            case ["-d", "127.0.0.0/8", "!", "-i", "lo", *_, "--dport", port, "-j", "DROP"]:
                local.append(int(port))
            case ["-i", bridge, "-p", "tcp", *_, "--dport", "53", "-j", "ACCEPT"]:
                names = bridge
            case ["-i", str(bridge), "-p", "tcp", *_, "--dport", port, "-j", "DROP"] if bridge == _BRIDGE:
                peers = port
    return Guard(int(peers), tuple(local), names) if local and peers and names else None


def masquerade_rules(subnet: Network) -> list[str]:
    """Return the rules by which a subnet's packets to elsewhere, and others' to it, bear the host's address."""
    to_many = (_MULTICAST, _BROADCAST) if subnet.version == 4 else (_MULTICAST_6,)
    return [
        *(f"-s {subnet} -d {several} -j RETURN" for several in to_many),
        f"! -s {subnet} -d {subnet} -j MASQUERADE",
        f"-s {subnet} ! -d {subnet} -j MASQUERADE",
    ]


def _jump(chain: str, rules: Sequence[str]) -> list[str]:
    return [f"-j {chain}"] if rules else []


def _to_data(guard: Guard | None, data: Sequence[str]) -> list[str]:
    """Return the jumps to the rules for data, if there are any."""
    if guard is None or not data:
        return []
    jumps = [f"-i {_TUNNEL} -j {DATA}"] if any(f"-i {_TUNNEL} " in rule for rule in data) else []
    return [*jumps, f"-p udp -m udp --dport {guard.port + 1} -j {DATA}"]


def _to_transits(guard: Guard | None, coming: Sequence[str]) -> list[str]:
    """Return the jump to the rules for what goes on from one family of addresses to the other, if there are any."""
    if guard is None or not coming:
        return []
    ports = relays.labels(guard.port + 1)
    return [f"-p udp -m udp --dport {ports[0]}:{ports[-1]} -j {relays.IN}"]


def _let_through(subnet: Network) -> list[str]:
    return [f"-d {subnet} -o {_BRIDGE} -j ACCEPT", f"-s {subnet} -i {_BRIDGE} -j ACCEPT"]


def _forward(bridges: Sequence[str], subnets: Sequence[Network], guard: Guard | None) -> list[str]:
    return [
        *(f"-s {one} -d {other} -i {_BRIDGE} -o {_BRIDGE} -j DROP" for one, other in _strangers(subnets)),
        *(
            f"-i {bridge} ! -o {bridge} {ports} -j DROP"
            for bridge in (_BRIDGE, *bridges)
            for ports in (_peer_ports(guard) if guard else ())
        ),
        *(f"{way} {_TUNNEL} -j DROP" for way in (("-i", "-o") if guard else ())),
        f"-i {_BRIDGE} -o {_BRIDGE} -j ACCEPT",
        f"-o {_BRIDGE} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        *(f"-i {bridge} -o {_BRIDGE} -j DROP" for bridge in bridges),
        *(f"-i {_BRIDGE} -o {bridge} -j RETURN" for bridge in bridges),
        f"-i {_SEGMENTS} -o {_SEGMENTS} -j ACCEPT",
        f"-i {_SEGMENTS} -j DROP",
        f"-o {_SEGMENTS} -j DROP",
        *([f"-j {EXPOSE}"] if subnets else []),
        f"-o {_BRIDGE} -j DROP",
    ]


def _strangers(subnets: Sequence[Network]) -> Iterator[tuple[Network, Network]]:
    """Yield the pairs of subnets that have no address in common: the host is in both, and must be no way between."""
    for one, other in permutations(subnets, 2):
        if not one.overlaps(other):
            yield one, other


def _to_the_host(subnets: Sequence[Network]) -> list[str]:
    """Return the rules by which only containers of exposed subnets reach the host, at whatever address of its."""
    return [
        f"-i {_SEGMENTS} -j DROP",
        f"-i {_BRIDGE} -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN",
        *(_neighbours() if any(subnet.version == 6 for subnet in subnets) else ()),
        *(f"-s {subnet} -i {_BRIDGE} -j RETURN" for subnet in subnets),
        f"-i {_BRIDGE} -j DROP",
    ]


def _neighbours() -> list[str]:
    """Return the rules by which containers find the host's MAC; nothing like ARP is needed for it in IPv6."""
    return [
        f"-i {_BRIDGE} -p ipv6-icmp -m icmp6 --icmpv6-type {kind} -j RETURN"
        for kind in (_NEIGHBOR_SOLICITATION, _NEIGHBOR_ADVERTISEMENT)
    ]


def _closed_ports(bridges: Sequence[str], guard: Guard, version: int) -> list[str]:
    if version == 6:  # the router's API and its names are served by IPv4 alone
        return [f"-i {bridge} {ports} -j DROP" for bridge in (_BRIDGE, *bridges) for ports in _peer_ports(guard)]
    return [
        *(f"-d 127.0.0.0/8 ! -i lo -p tcp -m tcp --dport {port} -j DROP" for port in guard.local_ports),
        *(f"-i {guard.dns_bridge} -p {kind} -m {kind} --dport {_DNS_PORT} -j ACCEPT" for kind in ("udp", "tcp")),
        *(f"-i {bridge} {ports} -j DROP" for bridge in (_BRIDGE, *bridges) for ports in _peer_ports(guard)),
    ]


def _peer_ports(guard: Guard) -> list[str]:
    return [f"-p {kind} -m {kind} --dport {port}" for kind, port in (("tcp", guard.port), ("udp", guard.port + 1))]
