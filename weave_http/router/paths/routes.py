"""Which peers are reached over which others: concluded by every router from the same facts in the same way. Pure.

A pair is relayed if both its ends are there and there is no good direct way between them. All hosts find the same
path, so each knows its own part in it: an end, or one in between. A path is known by a UDP port, its *label*, which
differs from those of all other paths on each of its links. It comes from a hash, so it stays the same while others
come and go, and another path between the same ends has another one: the kernel keeps translating the packets of a flow
that goes on as it did at first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass
from hashlib import blake2b
from heapq import heappop, heappush
from ipaddress import IPv4Address
from itertools import pairwise

from weave_http.addresses import IP
from weave_http.net.relays import VIRTUAL, Forward, Leg, Relays
from weave_http.router.data.plan import Way
from weave_http.router.mesh.identity import PeerName
from weave_http.router.paths.facts import Says

UNKNOWN_RTT = 1_000_000
"""What counts for the round trip, in µs, of a way where none was measured."""
MOST_RELAYED = 1024
"""Pairs that are relayed; those after them are not."""


@dataclass(frozen=True, slots=True)
class Path:
    """How a pair of peers reach each other.

    Args:
        hosts: all on it; of the two ends the one with the smaller name is first.
        label: UDP port by which those on it know it.
    """

    hosts: tuple[PeerName, ...]
    label: int


class Graph:
    """The direct ways, as both ends say them.

    Args:
        links: whom each peer says that it is connected to.
        says: what the peers that are there say about their ways.
    """

    def __init__(self, links: Mapping[PeerName, Set[PeerName]], says: Mapping[PeerName, Says]) -> None:
        self.peers = sorted(says)
        self._says = says
        self._ways = {peer: self._neighbours(peer, links) for peer in self.peers}

    def _neighbours(self, peer: PeerName, links: Mapping[PeerName, Set[PeerName]]) -> dict[PeerName, int]:
        found = {}
        for other in links.get(peer, ()):
            if other in self._says and peer in links.get(other, ()):
                ends = self._says[peer].seen.get(other), self._says[other].seen.get(peer)
                if all(end is None or end.good for end in ends):
                    found[other] = max((end.rtt if end and end.rtt else UNKNOWN_RTT) for end in ends)
        return found

    def unlinked(self) -> Iterator[tuple[PeerName, PeerName]]:
        """Yield the pairs without a direct way, the smaller name first, sorted."""
        for peer in self.peers:
            for other in self.peers:
                if peer < other and other not in self._ways[peer]:
                    yield peer, other

    def paths_from(self, start: PeerName) -> dict[PeerName, tuple[PeerName, ...]]:
        """Return the best path to each peer that is reached: fewest hosts, then least round trip, then by name."""
        found: dict[PeerName, tuple[PeerName, ...]] = {}
        queue: list[tuple[int, int, tuple[PeerName, ...]]] = [(0, 0, (start,))]
        while queue:
            hops, rtt, hosts = heappop(queue)
            here = hosts[-1]
            if here in found:
                continue
            found[here] = hosts
            if here != start and not self._says[here].forwards:
                continue
            for other, more in self._ways[here].items():
                if other not in found:
                    heappush(queue, (hops + 1, rtt + more, (*hosts, other)))
        return found


def paths(graph: Graph, wanted: Set[tuple[PeerName, PeerName]], labels: range) -> list[Path]:
    """Return the paths of pairs, as far as there are any.

    Args:
        graph: the direct ways.
        wanted: pairs to be relayed, the smaller name first.
        labels: that there are.
    """
    found: list[Path] = []
    taken: dict[tuple[PeerName, PeerName], set[int]] = {}
    ways: dict[PeerName, dict[PeerName, tuple[PeerName, ...]]] = {}
    for one, other in sorted(wanted):
        if len(found) >= MOST_RELAYED:
            break
        if one not in ways:
            ways[one] = graph.paths_from(one)
        hosts = ways[one].get(other)
        if hosts is None:
            continue
        used = set[int]().union(*(taken.setdefault(_link(a, b), set()) for a, b in pairwise(hosts)))
        first = _hash(" ".join(hosts)) % len(labels)
        label = next((port for port in (*labels[first:], *labels[:first]) if port not in used), None)
        if label is None:
            continue
        for a, b in pairwise(hosts):
            taken[_link(a, b)].add(label)
        found.append(Path(hosts, label))
    return found


def way(path: Path, me: PeerName) -> Way | None:
    """Return the way to the other end of a path; None if we are no end of it."""
    if me not in (path.hosts[0], path.hosts[-1]):
        return None
    hosts = path.hosts if me == path.hosts[0] else path.hosts[::-1]
    # Another path between the same ends has another address: flows that are under way begin anew.
    number = _hash(f"{hosts[-1]} {path.label} {' '.join(path.hosts)}") % VIRTUAL.num_addresses
    return Way(hosts[-1], IPv4Address(int(VIRTUAL.network_address) + number), path.label, hosts[1:-1])


def relays(
    found: list[Path], me: PeerName, addresses: Mapping[PeerName, IP], is_clear: Callable[[str], bool]
) -> Relays:
    """Return what this host has to do with its packets.

    Args:
        found: all paths.
        me: name of this peer.
        addresses: underlay addresses of our neighbours; a path over another one is left out.
        is_clear: tells whether data to a peer goes as it is.
    """
    legs, forwards = [], []
    for path in found:
        if me not in path.hosts:
            continue
        end = way(path, me)
        if end is not None:
            first = addresses.get(PeerName(end.via[0]))
            if first is not None:
                legs.append(Leg(end.ip, first, path.label, tunnelled=not is_clear(end.peer)))
            continue
        at = path.hosts.index(me)
        one, other = addresses.get(path.hosts[at - 1]), addresses.get(path.hosts[at + 1])
        if one is not None and other is not None:
            forwards += [Forward(one, path.label, other), Forward(other, path.label, one)]
    return Relays(tuple(legs), tuple(forwards))


def _link(one: PeerName, other: PeerName) -> tuple[PeerName, PeerName]:
    return (one, other) if one < other else (other, one)


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())
