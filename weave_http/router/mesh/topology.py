"""Who is there, who can be reached, and at which addresses: all of it concluded from the peers' facts.

A peer says which connections it has. A connection counts when both of its ends say it; a peer is *reachable* when such
connections lead to it. A peer that isn't is forgotten in time. Nothing here decides where data goes: that follows the
connections this router has itself (`weave_http.router.data.dataplane`), so a peer that lies about others gains nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address

from weave_http.router.mesh.facts import Fact, FactSet, Stamp

FORGET_AFTER = 60.0
"""Seconds for which a peer that is out of reach is kept in mind."""


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """Where a TCP connection leads.

    Args:
        ip: IPv4 address.
        port: TCP port.
    """

    ip: str
    port: int

    def __str__(self) -> str:
        return f"{self.ip}:{self.port}"

    @property
    def dialable(self) -> bool:
        """Whether another host can be there at all."""
        ip = IPv4Address(self.ip)
        return not (ip.is_loopback or ip.is_multicast or ip.is_unspecified or ip.is_reserved)


@dataclass(frozen=True, slots=True, order=True)
class Link:
    """One established connection, as one of its ends sees it.

    Args:
        peer: name of the peer at the other end.
        address: the other end's address.
        outbound: whether this end dialled.
    """

    peer: str
    address: Address
    outbound: bool


@dataclass(frozen=True, slots=True)
class PeerInfo:
    """What a peer says about itself.

    Args:
        nickname: for people.
        port: TCP port on which it listens.
        links: its connections, sorted.
    """

    nickname: str
    port: int
    links: tuple[Link, ...] = ()


Topology = FactSet[PeerInfo]
PeerFact = Fact[PeerInfo]


def reachable(topology: Topology) -> set[str]:
    """Return the names of the peers to which connections lead that both their ends say; ourselves included."""
    neighbours = {fact.owner: {link.peer for link in fact.value.links} for fact in topology}
    seen = {topology.own.owner}
    frontier = list(seen)
    while frontier:
        here = frontier.pop()
        for there in neighbours[here] - seen:
            if here in neighbours.get(there, ()):
                seen.add(there)
                frontier.append(there)
    return seen


class Horizon:
    """Which peers can be reached; the others are kept in mind for a while, in case they only moved.

    Someone who is out of reach for a moment, because news of two changes arrived in the wrong order, is back as soon as
    the second one is known; nobody has to say again what it said.

    Args:
        topology: what is known.
    """

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._lost_at: dict[str, float] = {}
        self.reachable = reachable(topology)

    def survey(self, now: float) -> set[str]:
        """Look again; return the names of those that were forgotten, having been out of reach for too long.

        Args:
            now: the time, in seconds of any clock that only goes forward.
        """
        self.reachable = reachable(self._topology)
        lost = {fact.owner for fact in self._topology} - self.reachable
        self._lost_at = {owner: self._lost_at.get(owner, now) for owner in lost}
        gone = {owner for owner, since in self._lost_at.items() if now - since >= FORGET_AFTER}
        self._topology.drop(gone)
        return gone


def addresses(topology: Topology, there: Collection[str]) -> dict[str, set[Address]]:
    """Return at which addresses each other peer may be dialled, going by the connections that others have to it.

    Where it was dialled, that is the very address; where it dialled, its address with the port on which it listens.

    Args:
        topology: what is known.
        there: names of the reachable peers, whose word counts.
    """
    found: dict[str, set[Address]] = {}
    for fact in topology:
        if fact.owner not in there:
            continue
        for link in fact.value.links:
            other = topology.get(link.peer)
            if other is None or link.peer == topology.own.owner:
                continue
            address = link.address if link.outbound else Address(link.address.ip, other.value.port)
            if address.dialable:
                found.setdefault(link.peer, set()).add(address)
    return found


def due(topology: Topology, there: Collection[str], neighbour: str, known: Mapping[str, Stamp]) -> list[PeerFact]:
    """Return the facts that have to be told to a neighbour now.

    What a third peer says is left out when both say that they are connected: then the neighbour has it at first hand
    (and believes it from no one else). So is what someone says who is out of reach, or hearsay would keep the dead
    alive. What the neighbour itself says is told back when it is later than what it says now.

    Args:
        topology: what is known.
        there: names of the reachable peers.
        neighbour: name of a directly connected peer.
        known: the stamps last told to the neighbour, or heard from it, by owner.
    """
    told = topology.get(neighbour)
    direct = {link.peer for link in told.value.links} if told else set()

    def heard(fact: PeerFact) -> bool:
        return fact.owner in known and fact.stamp <= known[fact.owner]

    def at_first_hand(fact: PeerFact) -> bool:
        links = fact.value.links
        return fact.owner in direct and any(link.peer == neighbour for link in links)

    def wanted(fact: PeerFact) -> bool:
        if fact.owner == neighbour:
            return neighbour in known and not heard(fact)
        mine = fact.owner == topology.own.owner
        return fact.owner in there and not heard(fact) and (mine or not at_first_hand(fact))

    return [fact for fact in topology if wanted(fact)]
