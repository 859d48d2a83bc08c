"""Who is there, who can be reached, and at which addresses: all of it concluded from the peers' facts.

A peer says which connections it has. A connection counts when both of its ends say it; a peer is *reachable* when such
connections lead to it. A peer that isn't is forgotten in time. Nothing here decides where data goes: that follows the
connections this router has itself (`weave_http.router.data.plan`), so a peer that lies about others gains nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from functools import cached_property, lru_cache
from ipaddress import IPv6Address
from operator import attrgetter
from typing import NamedTuple

from weave_http.addresses import IP, endpoint, order
from weave_http.records import dataclass
from weave_http.router.mesh.facts import Fact, FactSet
from weave_http.router.mesh.identity import PeerName

FORGET_AFTER = 15.0
"""Seconds for which a peer that is out of reach is kept in mind. Whoever can reach it says again what it said."""
MOST_ADDRESSES = 4
"""Addresses of one peer that are dialled."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a TCP connection leads.

    Args:
        ip: address of the host.
        port: TCP port.
    """

    ip: IP
    port: int

    def __str__(self) -> str:
        return endpoint(self.ip, self.port)

    def __lt__(self, other: Address) -> bool:
        """Tell whether it comes before another one: IPv4 before IPv6."""
        return (order(self.ip), self.port) < (order(other.ip), other.port)

    @property
    def dialable(self) -> bool:
        """Whether another host can be there at all."""
        return _is_dialable(self.ip)


@lru_cache(maxsize=4096)
def _is_dialable(ip: IP) -> bool:
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        return False
    return not (ip.is_loopback or ip.is_multicast or ip.is_unspecified or ip.is_reserved or ip.is_link_local)


@dataclass(frozen=True, slots=True, order=True)
class Link:
    """One established connection, as one of its ends sees it.

    Args:
        peer: name of the peer at the other end.
        address: where the other end was dialled; if it dialled itself, its address with the port on which it listens.
        outbound: whether this end dialled.
    """

    peer: PeerName
    address: Address
    outbound: bool


@dataclass(frozen=True)
class PeerInfo:
    """What a peer says about itself.

    Args:
        nickname: for people.
        port: TCP port on which it listens.
        links: its connections, one a peer, sorted by that.
    """

    nickname: str
    port: int
    links: tuple[Link, ...] = ()

    @cached_property
    def peers(self) -> frozenset[PeerName]:
        """The names of the peers that it is connected to."""
        return frozenset(link.peer for link in self.links)

    @property
    def by_peer(self) -> dict[PeerName, Link]:
        """Its connections by peer."""
        return {link.peer: link for link in self.links}


def by_peer(links: Iterable[Link]) -> tuple[Link, ...]:
    """Return connections sorted by peer."""
    return tuple(sorted(links, key=attrgetter("peer")))


class Lead(NamedTuple):
    """Where somebody may be dialled.

    Attributes:
        address: of that peer.
        by: name of the neighbour from which we know it.
    """

    address: Address
    by: PeerName


Topology = FactSet[PeerInfo]
PeerFact = Fact[PeerInfo]
Links = Mapping[PeerName, Set[PeerName]]
"""Whom each peer says that it is connected to."""


def links_of(topology: Topology) -> dict[PeerName, Set[PeerName]]:
    """Return whom each known peer says that it is connected to."""
    return {fact.owner: fact.value.peers for fact in topology}


def reachable(me: PeerName, links: Links) -> set[PeerName]:
    """Return the names of the peers to which connections lead that both their ends say; ourselves included.

    Args:
        me: name of this peer.
        links: whom each peer says that it is connected to.
    """
    seen = {me}
    frontier = [me]
    while frontier and len(seen) < len(links):  # in a full mesh one's own connections lead to all of them
        here = frontier.pop()
        for other in links[here] - seen:
            if here in links.get(other, ()):
                seen.add(other)
                frontier.append(other)
    return seen


class Horizon:
    """Which peers can be reached; the others are kept in mind for a while, in case they only moved.

    Someone who is out of reach for a moment, because news of two changes arrived in the wrong order, is back as soon as
    the second one is known; nobody has to say again what it said.

    Args:
        me: name of this peer.
    """

    def __init__(self, me: PeerName) -> None:
        self._me = me
        self._lost_at: dict[PeerName, float] = {}
        self.reachable = {me}

    def conclude(self, links: Links, now: float) -> set[PeerName]:
        """Look again; return the names of those that have been out of reach for too long, and are to be forgotten.

        Args:
            links: whom each peer says that it is connected to.
            now: the time, in seconds of any clock that only goes forward.
        """
        self.reachable = reachable(self._me, links)
        self._lost_at = {owner: self._lost_at.get(owner, now) for owner in links if owner not in self.reachable}
        gone = {owner for owner, since in self._lost_at.items() if now - since >= FORGET_AFTER}
        for owner in gone:
            del self._lost_at[owner]
        return gone

    @property
    def next_at(self) -> float | None:
        """When the next one will have been out of reach for too long."""
        return min(self._lost_at.values()) + FORGET_AFTER if self._lost_at else None


def leads(
    topology: Topology, present: Set[PeerName], connected: Set[PeerName], by: Callable[[PeerName], PeerName]
) -> dict[PeerName, list[Lead]]:
    """Return where peers that there is no connection to may be dialled, going by the connections that others have.

    They come in the order in which they should be tried: what neighbours say of their own connections first, and one
    connection of each in turn, so that nobody's word keeps others' from being heard.

    Args:
        topology: what is known.
        present: names of the reachable peers, whose word counts.
        connected: names of our neighbours.
        by: returns the name of the neighbour from which we know what a peer says.
    """
    known = connected | {topology.own.owner}
    said = [
        (fact.owner, [link for link in fact.value.links if link.peer not in known and link.address.dialable])
        for fact in topology
        if fact.owner in present and not fact.value.peers <= known
    ]
    neighbours = [(owner, links) for owner, links in said if owner in connected]
    others = [(owner, links) for owner, links in said if owner not in connected]
    found: dict[PeerName, list[Lead]] = {}
    for speaker, link in (*_in_turn(neighbours), *_in_turn(others)):
        there = found.get(link.peer, [])
        if len(there) >= MOST_ADDRESSES:
            continue
        if all(link.address != lead.address for lead in there):
            found[link.peer] = [*there, Lead(link.address, by(speaker))]
    return found


def _in_turn(said: Iterable[tuple[PeerName, list[Link]]]) -> Iterator[tuple[PeerName, Link]]:
    waiting = [(speaker, iter(links)) for speaker, links in said]
    while waiting:
        left = []
        for speaker, links in waiting:
            link = next(links, None)
            if link is not None:
                left.append((speaker, links))
                yield speaker, link
        waiting = left
