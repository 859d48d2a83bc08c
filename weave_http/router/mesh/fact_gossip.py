"""What topics of one fact a peer share: whose word is taken in, what is told on, and what is forgotten."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Set
from typing import Generic, TypeVar

from weave_http.router.mesh.facts import NOTHING, Fact, FactSet, Stamp
from weave_http.router.mesh.gossip import Gossip
from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.messages import Have
from weave_http.router.mesh.neighbours import Neighbour, View

V = TypeVar("V")
C = TypeVar("C")


class FactGossip(Gossip, Generic[V, C]):
    """A topic of facts.

    Args:
        name: of this peer.
        uid: of this process, in µs since 1970.
        value: what this peer says at first.
    """

    def __init__(self, name: PeerName, uid: int, value: V) -> None:
        super().__init__(name)
        self._facts: FactSet[V] = FactSet(name, uid, value)
        self._told: dict[Neighbour, dict[PeerName, Fact[V]]] = {}
        """What each neighbour was told last of each peer, unless it said since how far it knows."""
        self._claims: dict[PeerName, tuple[Fact[V], Fact[V] | None, C]] = {}
        """The last claim of each peer, and what was told before it: mostly all neighbours are told the same."""

    # -- what differs ----------------------------------------------------------------------------------------

    @abstractmethod
    def size(self, value: V) -> int:
        """Return how large a fact is."""

    @abstractmethod
    def has_room(self, neighbour: Neighbour, fact: Fact[V]) -> bool:
        """Tell whether a neighbour may claim something of a third peer."""

    def is_known(self, owner: PeerName, view: View) -> bool:
        """Tell whether a third peer is known. Of others nothing is kept; when one is, it is asked for."""
        return owner in view.links

    @abstractmethod
    def claim(self, fact: Fact[V], told: Fact[V] | None) -> C:
        """Return a fact as it is sent to somebody who was told another one of the same peer before, or none."""

    # -- neighbours ------------------------------------------------------------------------------------------

    def met(self, neighbour: Neighbour) -> None:
        """Begin with a neighbour."""
        super().met(neighbour)
        self._told[neighbour] = {}

    def parted(self, neighbour: Neighbour, now: float) -> None:
        """End with a neighbour."""
        super().parted(neighbour, now)
        self._told.pop(neighbour, None)

    def hear_have(self, neighbour: Neighbour, have: Have, now: float) -> None:
        """Take in how far a neighbour knows; of whom it says that, it is told the whole next time."""
        for origin, _ in have.stamps:
            self._told[neighbour].pop(origin, None)
        super().hear_have(neighbour, have, now)

    def forget(self, origins: Iterable[PeerName]) -> None:
        """Note that nothing is known of some origins any more, and say so."""
        gone = set(origins)
        super().forget(gone)
        for origin in gone:
            self._claims.pop(origin, None)
            for told in self._told.values():
                told.pop(origin, None)

    def was_told(self, neighbour: Neighbour, owner: PeerName) -> bool:
        """Tell whether a neighbour was told what a peer says, and has not said since how far it knows that."""
        return owner in self._told.get(neighbour, ())

    # -- what is known ---------------------------------------------------------------------------------------

    @property
    def origins(self) -> Set[PeerName]:
        """Names of the peers something is known of, ourselves included."""
        return self._facts.owners

    def stamp(self, origin: PeerName) -> Stamp:
        """Return up to which stamp an origin is known."""
        fact = self._facts.get(origin)
        return fact.stamp if fact else NOTHING

    def supersede(self, stamp: Stamp) -> bool:
        """Go beyond a stamp that others took for ours; return whether that was necessary."""
        return self._facts.supersede(stamp)

    def withdraw(self, origin: PeerName) -> None:
        """Keep what an origin said, but at the stamp `NOTHING`, so that anything replaces it."""
        self._facts.withdraw(origin)

    # -- what is heard ---------------------------------------------------------------------------------------

    def hear_fact(
        self,
        neighbour: Neighbour,
        owner: PeerName,
        stamp: Stamp,
        read: Callable[[Fact[V] | None], Fact[V] | None],
        view: View,
        now: float,
    ) -> bool:
        """Take in a neighbour's word about a peer; return whether it is news.

        Args:
            neighbour: who says it.
            owner: of the fact.
            stamp: of the fact.
            read: returns the fact, given what we know from that neighbour, or None if it needs to know something else;
                called only for one that would be news. Raises `Malformed`.
            view: who is there.
            now: the time, in seconds of any clock that only goes forward.
        """
        self.note(neighbour, owner, stamp)
        if owner == self._me:
            return self.reassert(stamp, now)
        self.compare_lives(neighbour, owner, stamp, now)
        of_itself = owner == neighbour.peer
        # What others said of a neighbour doesn't count any more, not even if it is later.
        wrong = of_itself and self.sources.of(owner) is not neighbour
        if stamp == self.stamp(owner) or (stamp < self.stamp(owner) and not wrong):
            return False
        known = of_itself or self.is_known(owner, view)
        if not known:
            self.pass_over(owner)
        if not known or not self.sources.believes(neighbour, owner, stamp, view.connected):
            return False
        fact = read(self._facts.get(owner) if self.sources.of(owner) is neighbour else None)
        if fact is None:
            self.ask(neighbour, owner)
            return False
        if not of_itself and not self.has_room(neighbour, fact):
            return False
        if stamp < self.stamp(owner):
            self._facts.withdraw(owner)
            self.say_to_all([owner])
        self._facts.merge([fact])
        self.came_from(neighbour, owner, stamp, self.size(fact.value))
        return True

    # -- what is told ----------------------------------------------------------------------------------------

    def is_due(self, fact: Fact[V], neighbour: Neighbour) -> bool:
        """Tell whether a fact is new to a neighbour, and is told it by us."""
        is_new = fact.stamp > self.known(neighbour, fact.owner)
        return is_new and self.is_told(fact.owner, neighbour.peer)

    def due(self, neighbour: Neighbour, now: float) -> Iterator[Fact[V]]:
        """Yield the facts that are due to a neighbour now, each of them once until something changes."""
        for owner in self.candidates(neighbour):
            fact = self._facts.get(owner)
            self.settled(neighbour, owner)
            if fact is None or not self.is_due(fact, neighbour):
                continue
            if self.waits(owner, neighbour, now):
                self.postpone(neighbour, owner)
            else:
                yield fact

    def waits(self, owner: PeerName, neighbour: Neighbour, now: float) -> bool:
        """Tell whether what somebody says is told a neighbour later."""
        return False

    def batches(self, facts: Iterable[Fact[V]], neighbour: Neighbour, most: int, largest: int) -> Iterator[list[C]]:
        """Yield facts as they are sent, by messages, noted as told to a neighbour.

        Args:
            facts: that are due.
            neighbour: to whom.
            most: facts in one message.
            largest: size of all facts in one message; one that is larger by itself has a message of its own.
        """
        batch: list[C] = []
        total = 0
        for fact in facts:
            self.note(neighbour, fact.owner, fact.stamp)
            size = self.size(fact.value)
            if batch and (len(batch) >= most or total + size > largest):
                yield batch
                batch, total = [], 0
            batch.append(self._claim(fact, self._told[neighbour].get(fact.owner)))
            self._told[neighbour][fact.owner] = fact
            total += size
        if batch:
            yield batch

    def _claim(self, fact: Fact[V], told: Fact[V] | None) -> C:
        last = self._claims.get(fact.owner)
        if last is None or last[0] is not fact or last[1] is not told:
            last = self._claims[fact.owner] = fact, told, self.claim(fact, told)
        return last[2]

    # -- who counts ------------------------------------------------------------------------------------------

    def settle(self, view: View, now: float) -> float | None:
        """Forget what was withdrawn, and who is unknown; return when there will be more to do."""
        new = set(view.links) - set(self.view.links) - view.connected
        self.reconsider(view)
        gone = (self.origins - set(view.links) - view.connected | self.sources.expired(now)) - {self._me}
        self._facts.drop(gone)
        self.forget(gone)
        self.ask_for(new)
        return self.sources.expires_at
