"""Which peers are reached over which others: concluded by every router from the same facts in the same way. Pure.

A pair is relayed if both its ends are there and there is no good direct way between them. All hosts find the same
path, so each knows its own part in it: an end, or one in between. A path is known by a UDP port, its *label*, which
differs from those of all other paths on each of its links. It comes from a hash, so it stays the same while others
come and go, and another path between the same ends has another one: the kernel keeps translating the packets of a flow
that goes on as it did at first.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Set
from hashlib import blake2b
from heapq import heappop, heappush
from itertools import pairwise

from weave_http.addresses import IP
from weave_http.net.relays import VIRTUAL, Forward, Leg, Relays
from weave_http.records import dataclass
from weave_http.router.data.plan import Way
from weave_http.router.mesh.identity import PeerName
from weave_http.router.paths.facts import Says

UNKNOWN_RTT = 1_000_000
"""What counts for the round trip, in µs, of a way where none was measured."""
_ALIKE = 10_000
"""Round trips, in µs, below which one is as good as the other."""
_FAR = (sys.maxsize, 0, ())
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

    A host in between passes frames on from one over IPv4 to another one, if it passes packets on, and from IPv4 to IPv6
    or back; not from IPv6 to IPv6, as hosts mostly don't forward that.

    Args:
        links: whom each peer says that it is connected to.
        says: what the peers that are there say about their ways.
        between_families: whether there may be hosts in between that go from IPv4 to IPv6.
    """

    def __init__(
        self, links: Mapping[PeerName, Set[PeerName]], says: Mapping[PeerName, Says], *, between_families: bool = True
    ) -> None:
        self._mixed = between_families
        self.peers = sorted(says)
        self._links = links
        self._says = says
        self._ways: dict[PeerName, dict[PeerName, tuple[int, bool]]] = {}
        self._paths: dict[PeerName, dict[PeerName, tuple[PeerName, ...]]] = {}
        self._any_passes = any(each.forwards for each in says.values()) or (
            between_families and any(seen.over_ipv6 for each in says.values() for seen in each.seen.values())
        )

    def _ways_of(self, peer: PeerName) -> dict[PeerName, tuple[int, bool]]:
        """Return the round trip of each direct way of a peer, and whether it leads over IPv6."""
        found = self._ways.get(peer)
        if found is None:
            found = self._ways[peer] = {}
            seen = self._says[peer].seen
            for other in self._links.get(peer, ()):
                if other in self._says and peer in self._links.get(other, ()):
                    ends = seen.get(other), self._says[other].seen.get(peer)
                    if all(end is None or end.good for end in ends):
                        rtt = max((end.rtt if end and end.rtt else UNKNOWN_RTT) for end in ends)
                        found[other] = rtt, any(end and end.over_ipv6 for end in ends)
        return found

    def unlinked(self) -> set[tuple[PeerName, PeerName]]:
        """Return the pairs without a direct way, the smaller name first."""
        known, found = self._says.keys(), set()
        for peer in self.peers:
            bad = {other for other, seen in self._says[peer].seen.items() if not seen.good}
            for other in ((known - self._links.get(peer, ())) | (bad & known)) - {peer}:
                found.add((min(peer, other), max(peer, other)))
        return found

    def path(self, one: PeerName, other: PeerName) -> tuple[PeerName, ...] | None:
        """Return the best path from one peer to another one that it has no direct way to, as of `paths_from`; or none.

        Mostly one host in between is enough, and then no others need be looked at.
        """
        if not self._any_passes:
            return None
        here, there = self._ways_of(one), self._ways_of(other)
        over = [
            (((here[by][0] + there[by][0]) // _ALIKE).bit_length(), by)
            for by in here.keys() & there.keys()
            if self._passes(by, here[by][1], there[by][1])
        ]
        if over:
            return (one, min(over)[1], other)
        if one not in self._paths:
            self._paths[one] = self.paths_from(one)
        return self._paths[one].get(other)

    def _passes(self, host: PeerName, came: bool, goes: bool) -> bool:
        """Tell whether a host passes frames on that came, and go, over IPv6 or not."""
        return self._mixed if came != goes else self._says[host].forwards and not goes

    def paths_from(self, start: PeerName) -> dict[PeerName, tuple[PeerName, ...]]:
        """Return the best path to each peer that is reached: fewest hosts, then least round trip, then by name.

        Round trips of less than 10 ms are alike, and above that those that are not twice as long: a path in use is not
        left for one that is only just shorter today.
        """
        found: dict[PeerName, tuple[PeerName, ...]] = {}
        best: dict[tuple[PeerName, bool], tuple[int, int, tuple[PeerName, ...]]] = {(start, False): (0, 0, (start,))}
        queue: list[tuple[int, int, tuple[PeerName, ...], bool, int]] = [(0, 0, (start,), False, 0)]
        while queue:
            hops, far, hosts, came, rtt = heappop(queue)
            here = hosts[-1]
            found.setdefault(here, hosts)
            if best[here, came] < (hops, far, hosts):
                continue
            for other, (more, over_ipv6) in self._ways_of(here).items():
                passes = here == start or self._passes(here, came, over_ipv6)
                before = best.get((other, over_ipv6), _FAR)
                if before[0] > hops and passes and other not in hosts:
                    there = hops + 1, ((rtt + more) // _ALIKE).bit_length(), (*hosts, other)
                    if there < before:
                        best[other, over_ipv6] = there
                        heappush(queue, (*there, over_ipv6, rtt + more))
        return found

    def between_families(self, hosts: tuple[PeerName, ...]) -> list[PeerName]:
        """Return which hosts of a path pass frames on from IPv4 to IPv6, or back."""
        over_ipv6 = [self._ways_of(one)[other][1] for one, other in pairwise(hosts)]
        return [host for host, (one, other) in zip(hosts[1:-1], pairwise(over_ipv6), strict=True) if one != other]


def paths(graph: Graph, wanted: Set[tuple[PeerName, PeerName]], labels: range) -> list[Path]:
    """Return the paths of pairs, as far as there are any.

    Args:
        graph: the direct ways.
        wanted: pairs to be relayed, the smaller name first.
        labels: that there are.
    """
    found: list[Path] = []
    taken: dict[tuple[PeerName, PeerName], set[int]] = {}
    for one, other in sorted(wanted):
        if len(found) >= MOST_RELAYED:
            break
        hosts = graph.path(one, other)
        if hosts is None:
            continue
        # A host between families has devices on that port, so no other path of its own has the same.
        ports = [*map(_link, hosts, hosts[1:]), *((host, host) for host in graph.between_families(hosts))]
        used = set[int]().union(*(taken.setdefault(each, set()) for each in ports))
        first = _hash(" ".join(hosts)) % len(labels)
        label = next((port for port in (*labels[first:], *labels[:first]) if port not in used), None)
        if label is None:
            continue
        for each in ports:
            taken[each].add(label)
        found.append(Path(hosts, label))
    return found


def way(path: Path, me: PeerName, addresses: Mapping[PeerName, IP]) -> Way | None:
    """Return the way to the other end of a path; None if we are no end of it, or have no connection to the next host.

    Args:
        path: it.
        me: name of this peer.
        addresses: underlay addresses of our neighbours.
    """
    if me not in (path.hosts[0], path.hosts[-1]):
        return None
    hosts = path.hosts if me == path.hosts[0] else path.hosts[::-1]
    first = addresses.get(hosts[1])
    if first is None:
        return None
    # Another path between the same ends has another address: flows that are under way begin anew.
    virtual = VIRTUAL[first.version]
    number = _hash(f"{hosts[-1]} {path.label} {' '.join(path.hosts)}") % virtual.num_addresses
    return Way(hosts[-1], virtual.network_address + number, path.label, hosts[1:-1])


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
        end = way(path, me, addresses)
        if end is not None:
            by = addresses[PeerName(end.via[0])]
            legs.append(Leg(end.ip, by, path.label, tunnelled=not is_clear(end.peer)))
        if me in (path.hosts[0], path.hosts[-1]):
            continue
        at = path.hosts.index(me)
        one, other = addresses.get(path.hosts[at - 1]), addresses.get(path.hosts[at + 1])
        if one is not None and other is not None and 4 in (one.version, other.version):
            forwards += [Forward(one, path.label, other), Forward(other, path.label, one)]
    return Relays(tuple(legs), tuple(forwards))


def _link(one: PeerName, other: PeerName) -> tuple[PeerName, PeerName]:
    return (one, other) if one < other else (other, one)


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())
