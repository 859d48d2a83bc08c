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
from weave_http.router.mesh import topology
from weave_http.router.mesh.facts import NOTHING, Fact, FactSet, Stamp
from weave_http.router.mesh.fields import (
    Fields,
    Malformed,
    a_flag,
    a_list,
    a_map,
    a_number,
    a_peer,
    a_stamp,
    a_text,
    an_ip,
)
from weave_http.router.mesh.gossip import Gossip
from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.messages import Kind, Message
from weave_http.router.mesh.neighbours import NOBODY, Neighbour, View
from weave_http.router.mesh.topology import Address, Horizon, Lead, Link, PeerFact, PeerInfo, Topology

MOST_PEERS = 4096
"""Facts that are kept; more of them can be no more than a lie."""
MOST_CLAIMS = 1024
"""Facts about third peers that one neighbour may tell."""
MOST_CLAIMED_LINKS = 65_536
"""Connections in all those facts together."""
MOST_LINKS = 4 * MOST_CLAIMED_LINKS
"""Connections in all facts about third peers."""
RELAY_DELAY = 0.5
"""Seconds after which what third peers say is told on."""
FACTS_PER_MESSAGE = 16
LINKS_PER_MESSAGE = 4096
"""Of a peer, and of all in one message: so that it stays well below a frame's limit."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A fact as it came: what it says is looked at only if its stamp is later than what is known.

    Args:
        owner: name of the peer that is said to say it.
        stamp: its version.
        fields: the rest of it.
    """

    owner: PeerName
    stamp: Stamp
    fields: Fields

    def read(self) -> PeerFact:
        """Return the fact; raise `Malformed` if it is none."""
        try:
            links = tuple(sorted(_link(link) for link in a_list(self.fields["links"], LINKS_PER_MESSAGE)))
            info = PeerInfo(a_text(self.fields["nickname"]), a_number(self.fields["port"], 1, 65535), links)
        except KeyError as error:
            raise Malformed(f"a fact without {error}") from error
        return Fact(self.owner, self.stamp, info)


@dataclass(frozen=True, slots=True)
class Facts(Message):
    """What I know about peers."""

    claims: tuple[Claim, ...]


def claim(fact: PeerFact) -> Claim:
    """Return a fact as it is sent."""
    info = fact.value
    links = [[link.peer, str(link.address.ip), link.address.port, link.outbound] for link in info.links]
    return Claim(fact.owner, fact.stamp, {"nickname": info.nickname, "port": info.port, "links": links})


def _link(value: Any) -> Link:
    peer, ip, port, outbound = a_list(value, 4, 4)
    return Link(a_peer(peer), _address(an_ip(ip), a_number(port, 1, 65535)), a_flag(outbound))


@lru_cache(maxsize=4096)
def _address(ip: IP, port: int) -> Address:
    """Return an address; many facts share one."""
    return Address(ip, port)


def _read_claim(fields: Fields, greatest: int) -> Claim:
    return Claim(a_peer(fields["name"]), a_stamp(fields["uid"], fields["version"], greatest), fields)


def _read_facts(fields: Fields, greatest: int) -> Facts:
    claims = a_list(fields["peers"], FACTS_PER_MESSAGE)
    return Facts(tuple(_read_claim(a_map(each), greatest) for each in claims))


def _pack_claim(each: Claim) -> Fields:
    return {**each.fields, "name": each.owner, "uid": each.stamp.uid, "version": each.stamp.version}


class Membership(Gossip):
    """Who is there.

    Args:
        name: of this peer.
        uid: of this process, in µs since 1970.
        nickname: of this peer, for people.
        port: TCP port on which it listens.
    """

    name = "peers"
    kinds = (Kind("facts", Facts, _read_facts, lambda facts: {"peers": [_pack_claim(each) for each in facts.claims]}),)

    def __init__(self, name: PeerName, uid: int, nickname: str, port: int) -> None:
        super().__init__(name)
        self.topology: Topology = FactSet(name, uid, PeerInfo(nickname, port))
        self._horizon = Horizon(name)
        self._view = NOBODY
        self._gone: set[PeerName] = set()
        self._relay_at: dict[PeerName, float] = {}

    # -- what is known ---------------------------------------------------------------------------------------

    @property
    def peers(self) -> list[PeerFact]:
        """What all reachable peers say, ourselves included, by name."""
        facts = (fact for fact in self.topology if fact.owner in self._horizon.reachable)
        return sorted(facts, key=lambda fact: fact.owner)

    @property
    def leads(self) -> dict[PeerName, list[Lead]]:
        """Where peers that there is no connection to may be dialled, in the order in which to do so."""
        return topology.leads(self.topology, self._view.present, self._view.connected, self._told_by)

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
        self.topology.say(PeerInfo(own.nickname, own.port, tuple(sorted(links))))
        said = topology.links_of(self.topology)
        self._gone = self._horizon.conclude(said, now)
        self._view = View(connected, self._horizon.reachable, said)
        return self._view

    # -- as a topic ------------------------------------------------------------------------------------------

    @property
    def origins(self) -> Set[PeerName]:
        """Names of the peers something is known of, ourselves included."""
        return self.topology.owners

    def stamp(self, origin: PeerName) -> Stamp:
        """Return up to which stamp an origin is known."""
        fact = self.topology.get(origin)
        return fact.stamp if fact else NOTHING

    def supersede(self, stamp: Stamp) -> bool:
        """Go beyond a stamp that others took for ours; return whether that was necessary."""
        return self.topology.supersede(stamp)

    def withdraw(self, origin: PeerName) -> None:
        """Keep what an origin said, but at the stamp `NOTHING`, so that anything replaces it."""
        self.topology.withdraw(origin)

    def take_in(self, neighbour: Neighbour, message: Message, view: View, now: float) -> bool:
        """Take in facts; return whether any of them is news. Raises `Malformed`."""
        if not isinstance(message, Facts):
            return False
        news = [self._hear(neighbour, each, view.connected, now) for each in message.claims]
        return any(news)

    def _hear(self, neighbour: Neighbour, each: Claim, connected: Set[PeerName], now: float) -> bool:
        owner, stamp = each.owner, each.stamp
        self.note(neighbour, owner, stamp)
        if owner == self._me:
            return self.reassert(stamp, now)
        of_itself = owner == neighbour.peer
        # What others said of a neighbour doesn't count any more, not even if it is later.
        wrong = of_itself and self.source(owner) is not neighbour
        if stamp == self.stamp(owner) or (stamp < self.stamp(owner) and not wrong):
            return False
        if not self.believe(neighbour, owner, stamp, connected):
            return False
        fact = each.read()
        if not of_itself and not self._has_room(neighbour, fact):
            return False
        if stamp < self.stamp(owner):
            self.topology.withdraw(owner)
            self.say_to_all([owner])
        self.topology.merge([fact])
        self.came_from(neighbour, owner, stamp, len(fact.value.links))
        self._relay_at[owner] = now + RELAY_DELAY
        return True

    def _has_room(self, neighbour: Neighbour, fact: PeerFact) -> bool:
        """Tell whether a neighbour may claim something of a third peer."""
        if fact.owner not in self.topology and len(self.topology) >= MOST_PEERS:
            return False
        claims, links = self.load(neighbour)
        size = len(fact.value.links)
        return claims < MOST_CLAIMS and links + size <= MOST_CLAIMED_LINKS and self.total + size <= MOST_LINKS

    def updates(self, neighbour: Neighbour, now: float) -> list[Message]:
        """Return what is new to a neighbour; it counts as told."""
        messages: list[Message] = []
        batch: list[Claim] = []
        links = 0
        for fact in self.topology:
            if not self._is_due(fact, neighbour, now):
                continue
            self.note(neighbour, fact.owner, fact.stamp)
            links += len(fact.value.links)
            if batch and (len(batch) >= FACTS_PER_MESSAGE or links > LINKS_PER_MESSAGE):
                messages.append(Facts(tuple(batch)))
                batch, links = [], len(fact.value.links)
            batch.append(claim(fact))
        return [*messages, Facts(tuple(batch))] if batch else messages

    def _is_due(self, fact: PeerFact, neighbour: Neighbour, now: float) -> bool:
        """Tell whether a fact has to be told to a neighbour now.

        What a third peer says is left out when both say that they are connected: then the neighbour has it at first
        hand (and believes it from no one else). So is what someone says who is out of reach, or hearsay would keep the
        dead alive.
        """
        owner, known = fact.owner, self.known(neighbour, fact.owner)
        if fact.stamp <= known:
            return False
        if owner == self._me:
            return True
        if (
            owner == neighbour.peer
            or owner not in self._view.present
            or self._view.at_first_hand(owner, neighbour.peer)
        ):
            return False
        return self.source(owner) is not neighbour and now >= self._relay_at.get(owner, 0.0)

    def settle(self, view: View, now: float) -> float | None:
        """Forget who is out of reach, and what was withdrawn; return when there will be more to do."""
        gone = (self._gone | self.expired(now)) - {self._me}
        self.topology.drop(gone)
        if gone:
            self.forget(gone)
        self._relay_at = {owner: at for owner, at in self._relay_at.items() if at > now and owner in self.topology}
        times = (self._horizon.next_at, self.expires_at, min(self._relay_at.values(), default=None))
        return min((at for at in times if at is not None), default=None)
