"""The topic of membership: what each peer says about itself, above all its connections.

Not all of it is told at once. In a mesh that forms, everybody's connections change all the time, and everybody would be
told each of these changes: their number grows with the third power of the peers. Who lost a connection, or has one to
somebody of whom nobody else spoke, says so at once. Other new connections are collected: the mesh can do without them
for a while. What is heard of third peers is told on later still, for most of those who would be told hear it at first
hand meanwhile. What is kept of others' claims is bounded, for each neighbour and in all, and goes when the neighbour's
connection ends (`weave_http.router.mesh.gossip`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from functools import lru_cache
from typing import Any

from weave_http.addresses import IP
from weave_http.records import dataclass
from weave_http.router.mesh import claims, topology
from weave_http.router.mesh.fact_gossip import FactGossip
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
COLLECT_PER_PEER = 0.1
"""Seconds for each connection, for which we collect new ones that others need not hear of at once."""
HEARSAY_DELAY = 0.5
HEARSAY_DELAY_PER_PEER = 0.15
"""Seconds, and more for each connection, for which hearsay of new neighbours and to them waits. It is more than it
takes to tell and be told of the connections that are collected."""
MOST_HEARSAY_DELAYS = 5
"""As long as one newcomer follows the other, it waits for so many times as long."""
RELAY_DELAY_PER_PEER = 0.02
"""Seconds for each connection, instead, for hearsay of changes, of and to those who have been there for longer."""
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


def collect_delay(connections: int) -> float:
    """Return the seconds for which new connections are collected, with so many connections."""
    return COLLECT_PER_PEER * connections


def hearsay_delay(connections: int) -> float:
    """Return the seconds for which hearsay of and to new neighbours waits, with so many connections."""
    return HEARSAY_DELAY + HEARSAY_DELAY_PER_PEER * connections


def relay_delay(connections: int) -> float:
    """Return the seconds for which hearsay of changes waits, with so many connections."""
    return HEARSAY_DELAY + RELAY_DELAY_PER_PEER * connections


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
        self._fresh: dict[PeerName, float] = {}
        """New neighbours, and since when they are it."""
        self._calm_at = 0.0
        """When nobody counts as new any more, unless there is another one by then."""
        self._tell_at = 0.0
        """When those who know what we said before are told what we say now."""

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
        source = self.sources.of(speaker)
        return source.peer if source is not None else speaker

    def conclude(self, links: Iterable[Link], connected: Set[PeerName], now: float) -> View:
        """Say which connections there are, and conclude who is reachable.

        Args:
            links: our connections.
            connected: names of our neighbours; has to change with them.
            now: the time, in seconds of any clock that only goes forward.
        """
        own = self.topology.own.value
        before, after = own.links, by_peer(links)
        self.topology.say(PeerInfo(own.nickname, own.port, after))
        said = topology.links_of(self.topology)
        self._gone = self._horizon.conclude(said, now)
        if before != after:
            self._collect(before, after, said, now)
        new = said[self._me] - self.view.links.get(self._me, frozenset())
        delay = hearsay_delay(len(connected))
        if new:
            self._calm_at = now + delay
        known = self._fresh.items() if now < self._calm_at else ()
        self._fresh = dict.fromkeys(new, now) | {
            peer: at for peer, at in known if now < at + MOST_HEARSAY_DELAYS * delay
        }
        view = View(connected, self._horizon.reachable, said, frozenset(self._fresh))
        self.reconsider(view)
        return view

    def _collect(
        self, before: Sequence[Link], after: Sequence[Link], said: Mapping[PeerName, Set[PeerName]], now: float
    ) -> None:
        """Conclude when others are told which connections there are now."""
        new = {link.peer for link in after} - {link.peer for link in before}
        others = [said[peer] for peer in self._horizon.reachable if peer != self._me and peer in said]
        is_spoken_of = all(any(peer in links for links in others) for peer in new)
        if not is_spoken_of or not set(before) <= set(after):
            self._tell_at = now
        elif self._tell_at <= now:
            self._tell_at = now + collect_delay(len(after))

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
        claimed, links = self.sources.load(neighbour)
        size = self.size(fact.value)
        return claimed < MOST_CLAIMS and links + size <= MOST_CLAIMED_LINKS and self.sources.total + size <= MOST_LINKS

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
            self._relay_at[each.owner] = now + relay_delay(len(view.connected))
        return news

    def updates(self, neighbour: Neighbour, now: float) -> list[Message]:
        """Return what is new to a neighbour; it counts as told."""
        due = (fact for fact in self.due(neighbour, now) if self.sources.of(fact.owner) is not neighbour)
        batches = self.batches(due, neighbour, FACTS_PER_MESSAGE, LINKS_PER_MESSAGE)
        return [Facts(tuple(batch)) for batch in batches]

    def waits(self, owner: PeerName, neighbour: Neighbour, now: float) -> bool:
        """Tell whether what somebody says is told a neighbour later."""
        if owner != self._me:
            return now < self._relay_at.get(owner, 0.0)
        if not self.was_told(neighbour, owner):  # it is before the connection to it is among those that we speak of
            return neighbour.peer not in self.topology.own.value.peers
        return now < self._tell_at

    def settle(self, view: View, now: float) -> float | None:
        """Forget who is out of reach, and what was withdrawn; return when there will be more to do."""
        gone = (self._gone | self.sources.expired(now)) - {self._me}
        self.topology.drop(gone)
        if gone:
            self.forget(gone)
        self._relay_at = {owner: at for owner, at in self._relay_at.items() if at > now and owner in self.topology}
        relay_at = min(self._relay_at.values(), default=None)
        tell_at = self._tell_at if self._tell_at > now else None
        calm_at = self._calm_at if self._fresh else None
        times = (self._horizon.next_at, self.sources.expires_at, relay_at, tell_at, calm_at)
        return min((at for at in times if at is not None), default=None)
