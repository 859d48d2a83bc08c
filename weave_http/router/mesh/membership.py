"""The topic of membership: what each peer says about itself, above all its connections.

What is heard of third peers is told on a moment later than what we say ourselves: in a mesh that forms, most of those
who would be told hear it at first hand meanwhile. What is kept of others' claims is bounded, for each neighbour and in
all, and goes when the neighbour's connection ends (`weave_http.router.mesh.gossip`).
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from weave_http.addresses import IP
from weave_http.router.mesh import claims, topology
from weave_http.router.mesh.fact_gossip import FactGossip, hearsay_delay
from weave_http.router.mesh.fields import Fields, a_flag, a_list, a_number, a_peer, a_text, an_address
from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.messages import Message
from weave_http.router.mesh.neighbours import Neighbour, View
from weave_http.router.mesh.topology import Address, Horizon, Lead, Link, PeerFact, PeerInfo, Topology, by_peer

MOST_PEERS = 4096
"""Facts that are kept; more of them can be no more than a lie."""
MOST_CLAIMS = 1024
"""Facts about third peers that one neighbour may tell."""
MOST_CLAIMED_LINKS = 65_536
"""Connections in all those facts together."""
MOST_LINKS = 4 * MOST_CLAIMED_LINKS
"""Connections in all facts about third peers."""
FACTS_PER_MESSAGE = 16
LINKS_PER_MESSAGE = 4096
"""Of a peer, and of all in one message: so that it stays well below a frame's limit."""


@dataclass(frozen=True, slots=True)
class Claim(claims.Claim[PeerInfo]):
    """What somebody is said to say about itself, as it came."""

    def value(self, before: PeerInfo | None) -> PeerInfo:
        """Return what the fields say; argument and exceptions as for the base class."""
        found = map(_link, a_list(self.fields["links"], LINKS_PER_MESSAGE))
        links = claims.changed(
            before.by_peer if before else {},
            ((link.peer, link) for link in found),
            self.fields.get("gone", []),
            LINKS_PER_MESSAGE,
        )
        return PeerInfo(
            a_text(self.fields["nickname"]), a_number(self.fields["port"], 1, 65535), by_peer(links.values())
        )


@dataclass(frozen=True, slots=True)
class Facts(Message):
    """What I know about peers."""

    claims: tuple[Claim, ...]


def claim(fact: PeerFact, told: PeerFact | None = None) -> Claim:
    """Return a fact as it is sent.

    Args:
        fact: what to say.
        told: what was told before of the same peer.
    """
    info, before = fact.value, claims.since(told, fact)
    fields: Fields = {"nickname": info.nickname, "port": info.port}
    if before is None:
        return Claim(fact.owner, fact.stamp, {**fields, "links": [_packed(link) for link in info.links]})
    others, gone = claims.changes(before.value.by_peer, info.by_peer)
    fields |= {"since": before.stamp.version, "links": [_packed(info.by_peer[peer]) for peer in others], "gone": gone}
    return Claim(fact.owner, fact.stamp, fields)


def _packed(link: Link) -> list[Any]:
    return [link.peer, str(link.address.ip), link.address.port, link.outbound]


def _link(value: Any) -> Link:
    peer, ip, port, outbound = a_list(value, 4, 4)
    return Link(a_peer(peer), _address(an_address(ip), a_number(port, 1, 65535)), a_flag(outbound))


@lru_cache(maxsize=4096)
def _address(ip: IP, port: int) -> Address:
    """Return an address; many facts share one."""
    return Address(ip, port)


class Membership(FactGossip[PeerInfo, Claim]):
    """Who is there.

    Args:
        name: of this peer.
        uid: of this process, in µs since 1970.
        nickname: of this peer, for people.
        port: TCP port on which it listens.
    """

    name = "peers"
    kinds = (claims.kind_of("facts", Facts, Claim, FACTS_PER_MESSAGE),)

    def __init__(self, name: PeerName, uid: int, nickname: str, port: int) -> None:
        super().__init__(name, uid, PeerInfo(nickname, port))
        self._horizon = Horizon(name)
        self._gone: set[PeerName] = set()
        self._relay_at: dict[PeerName, float] = {}

    # -- what is known ---------------------------------------------------------------------------------------

    @property
    def topology(self) -> Topology:
        """What all peers say, reachable or not."""
        return self._facts

    @property
    def peers(self) -> list[PeerFact]:
        """What all reachable peers say, ourselves included, by name."""
        facts = (fact for fact in self.topology if fact.owner in self._horizon.reachable)
        return sorted(facts, key=lambda fact: fact.owner)

    @property
    def leads(self) -> dict[PeerName, list[Lead]]:
        """Where peers that there is no connection to may be dialled, in the order in which to do so."""
        return topology.leads(self.topology, self.view.present, self.view.connected, self._told_by)

    def _told_by(self, speaker: PeerName) -> PeerName:
        source = self.source(speaker)
        return source.peer if source is not None else speaker

    def conclude(self, links: Iterable[Link], connected: Set[PeerName], now: float) -> View:
        """Say which connections there are, and conclude who is reachable.

        Args:
            links: our connections.
            connected: names of our neighbours; has to change with them.
            now: the time, in seconds of any clock that only goes forward.
        """
        own = self.topology.own.value
        self.topology.say(PeerInfo(own.nickname, own.port, by_peer(links)))
        said = topology.links_of(self.topology)
        self._gone = self._horizon.conclude(said, now)
        view = View(connected, self._horizon.reachable, said)
        self.reconsider(self.view, view)
        self.view = view
        return view

    # -- as a topic ------------------------------------------------------------------------------------------

    def claim(self, fact: PeerFact, told: PeerFact | None) -> Claim:
        """Return a fact as it is sent."""
        return claim(fact, told)

    def size(self, value: PeerInfo) -> int:
        """Return the connections of a peer."""
        return len(value.links)

    def has_room(self, neighbour: Neighbour, fact: PeerFact) -> bool:
        """Tell whether a neighbour may claim something of a third peer."""
        if fact.owner not in self.topology and len(self.topology) >= MOST_PEERS:
            return False
        claimed, links = self.load(neighbour)
        size = self.size(fact.value)
        return claimed < MOST_CLAIMS and links + size <= MOST_CLAIMED_LINKS and self.total + size <= MOST_LINKS

    def is_known(self, owner: PeerName, view: View) -> bool:
        """Tell that anybody is: this topic is by which peers are known."""
        return True

    def take_in(self, neighbour: Neighbour, message: Message, view: View, now: float) -> bool:
        """Take in facts; return whether any of them is news. Raises `Malformed`."""
        if not isinstance(message, Facts):
            return False
        news = [self._hear(neighbour, each, view, now) for each in message.claims]
        return any(news)

    def _hear(self, neighbour: Neighbour, each: Claim, view: View, now: float) -> bool:
        news = self.hear_fact(neighbour, each.owner, each.stamp, each.read, view, now)
        if news and each.owner != self._me:
            self._relay_at[each.owner] = now + hearsay_delay(len(view.connected))
        return news

    def updates(self, neighbour: Neighbour, now: float) -> list[Message]:
        """Return what is new to a neighbour; it counts as told."""
        due = (fact for fact in self.due(neighbour, now) if self.source(fact.owner) is not neighbour)
        batches = self.batches(due, neighbour, FACTS_PER_MESSAGE, LINKS_PER_MESSAGE)
        return [Facts(tuple(batch)) for batch in batches]

    def is_held(self, owner: PeerName, neighbour: Neighbour, now: float) -> bool:
        """Tell whether what a third peer says is told a neighbour later: it is news, or the neighbour is new."""
        return now < self._relay_at.get(owner, 0.0) or super().is_held(owner, neighbour, now)

    def settle(self, view: View, now: float) -> float | None:
        """Forget who is out of reach, and what was withdrawn; return when there will be more to do."""
        gone = (self._gone | self.expired(now)) - {self._me}
        self.topology.drop(gone)
        if gone:
            self.forget(gone)
        self._relay_at = {owner: at for owner, at in self._relay_at.items() if at > now and owner in self.topology}
        relay_at = min(self._relay_at.values(), default=None)
        times = (self._horizon.next_at, self.expires_at, relay_at, self.release_hearsay(now))
        return min((at for at in times if at is not None), default=None)
