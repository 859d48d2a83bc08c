"""What peers tell each other, and what is believed of it. Sans-I/O: messages in, messages out, time as an argument.

What a connected peer says about itself is believed from itself alone, and what is said about us from no one, so lies
about others fall on deaf ears. What is kept of a peer's claims is bounded.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable

from weave_http.router.mesh import topology
from weave_http.router.mesh.facts import FactSet, Stamp
from weave_http.router.mesh.topology import Address, Horizon, Link, PeerFact, PeerInfo, Topology

MOST_PEERS = 4096
"""Facts that are kept; more of them can be no more than a lie."""
REASSERT = 1.0
"""Seconds between two answers to stale facts about ourselves: two of the same name must not shout at each other."""


class Gossip:
    """The facts, and which neighbour has heard which of them.

    A neighbour is a connection rather than a name, because there may be two for a moment; `key` stands for it.

    Args:
        name: of this peer.
        uid: of this process, in µs since 1970.
        nickname: of this peer, for people.
        port: TCP port on which it listens.
    """

    def __init__(self, name: str, uid: int, nickname: str, port: int) -> None:
        self.topology: Topology = FactSet(name, uid, PeerInfo(nickname, port))
        self._horizon = Horizon(self.topology)
        self._known: dict[Hashable, dict[str, Stamp]] = {}
        self._reassert_at = 0.0

    @property
    def peers(self) -> list[PeerFact]:
        """What all reachable peers say, ourselves included, by name."""
        facts = (fact for fact in self.topology if fact.owner in self._horizon.reachable)
        return sorted(facts, key=lambda fact: fact.owner)

    @property
    def reachable(self) -> set[str]:
        """Names of all reachable peers, ourselves included."""
        return self._horizon.reachable

    @property
    def addresses(self) -> dict[str, set[Address]]:
        """At which addresses each other peer may be dialled."""
        return topology.addresses(self.topology, self._horizon.reachable)

    def met(self, key: Hashable) -> None:
        """Begin with a neighbour; or again, as if it had heard nothing."""
        self._known[key] = {}

    def parted(self, key: Hashable) -> None:
        """End with a neighbour."""
        self._known.pop(key, None)

    def hear(
        self, key: Hashable, neighbour: str, facts: Iterable[PeerFact], connected: Collection[str], now: float
    ) -> bool:
        """Take in what a neighbour says; return whether anything of it is news.

        Args:
            key: the neighbour.
            neighbour: its name.
            facts: what it says.
            connected: names of all neighbours.
            now: the time, in seconds of any clock that only goes forward.
        """
        known = self._known.get(key)
        if known is None:
            return False
        own = self.topology.own
        believed: list[PeerFact] = []
        for fact in facts:
            stale = fact.owner == own.owner and fact.stamp > own.stamp
            if stale and now < self._reassert_at:
                continue
            if fact.owner not in self.topology and len(self.topology) + len(believed) >= MOST_PEERS:
                continue
            known[fact.owner] = max(known.get(fact.owner, fact.stamp), fact.stamp)
            if stale:
                self._reassert_at = now + REASSERT
            elif fact.owner != neighbour and fact.owner in connected:
                continue
            believed.append(fact)
        return bool(self.topology.merge(believed))

    def tell(self, key: Hashable, neighbour: str) -> list[PeerFact]:
        """Return what has to be told to a neighbour now; it counts as told.

        Args:
            key: the neighbour.
            neighbour: its name.
        """
        known = self._known.get(key)
        if known is None:
            return []
        due = topology.due(self.topology, self._horizon.reachable, neighbour, known)
        known.update((fact.owner, fact.stamp) for fact in due)
        return due

    def settle(self, links: Iterable[Link], now: float) -> None:
        """Say which connections there are, and conclude anew who is reachable.

        Args:
            links: our connections.
            now: the time, in seconds of any clock that only goes forward.
        """
        own = self.topology.own.value
        self.topology.say(PeerInfo(own.nickname, own.port, tuple(sorted(links))))
        gone = self._horizon.survey(now)
        for known in self._known.values():
            for owner in gone:
                known.pop(owner, None)
