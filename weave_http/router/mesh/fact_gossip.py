"""What topics of one fact a peer share: whose word is taken in, what is told on, and what is forgotten."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Set
from typing import Generic, TypeVar

from weave_http.router.mesh.facts import NOTHING, Fact, FactSet, Stamp
from weave_http.router.mesh.gossip import Gossip
from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.neighbours import NOBODY, Neighbour, View

V = TypeVar("V")


class FactGossip(Gossip, Generic[V]):
    """A topic of facts.

    Args:
        name: of this peer.
        uid: of this process, in µs since 1970.
        value: what this peer says at first.

    Attributes:
        view: who is there, as concluded last.
    """

    def __init__(self, name: PeerName, uid: int, value: V) -> None:
        super().__init__(name)
        self._facts: FactSet[V] = FactSet(name, uid, value)
        self.view = NOBODY

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
        read: Callable[[], Fact[V]],
        view: View,
        now: float,
    ) -> bool:
        """Take in a neighbour's word about a peer; return whether it is news.

        Args:
            neighbour: who says it.
            owner: of the fact.
            stamp: of the fact.
            read: returns the fact; called only for one that would be news. Raises `Malformed`.
            view: who is there.
            now: the time, in seconds of any clock that only goes forward.
        """
        self.note(neighbour, owner, stamp)
        if owner == self._me:
            return self.reassert(stamp, now)
        of_itself = owner == neighbour.peer
        # What others said of a neighbour doesn't count any more, not even if it is later.
        wrong = of_itself and self.source(owner) is not neighbour
        if stamp == self.stamp(owner) or (stamp < self.stamp(owner) and not wrong):
            return False
        known = of_itself or self.is_known(owner, view)
        if not known or not self.believe(neighbour, owner, stamp, view.connected):
            return False
        fact = read()
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
        """Tell whether a fact is new to a neighbour, and is told it by us.

        What a third peer says is left out when both say that they are connected: then the neighbour has it at first
        hand (and believes it from no one else). So is what someone says who is out of reach, or hearsay would keep the
        dead alive.
        """
        owner, peer = fact.owner, neighbour.peer
        if fact.stamp <= self.known(neighbour, owner):
            return False
        if owner in (self._me, peer):
            return owner == self._me
        return owner in self.view.present and not self.view.at_first_hand(owner, peer)

    def due(self, neighbour: Neighbour) -> Iterator[Fact[V]]:
        """Yield the facts that are due to a neighbour, each of them once until something changes."""
        for owner in self.candidates(neighbour):
            fact = self._facts.get(owner)
            self.settled(neighbour, owner)
            if fact is not None and self.is_due(fact, neighbour):
                yield fact

    def batches(
        self, facts: Iterable[Fact[V]], neighbour: Neighbour, most: int, largest: int
    ) -> Iterator[list[Fact[V]]]:
        """Yield facts by messages, noted as told to a neighbour.

        Args:
            facts: that are due.
            neighbour: to whom.
            most: facts in one message.
            largest: size of all facts in one message; one that is larger by itself has a message of its own.
        """
        batch: list[Fact[V]] = []
        total = 0
        for fact in facts:
            self.note(neighbour, fact.owner, fact.stamp)
            size = self.size(fact.value)
            if batch and (len(batch) >= most or total + size > largest):
                yield batch
                batch, total = [], 0
            batch.append(fact)
            total += size
        if batch:
            yield batch

    # -- who counts ------------------------------------------------------------------------------------------

    def settle(self, view: View, now: float) -> float | None:
        """Forget what was withdrawn, and who is unknown; return when there will be more to do."""
        new = set(view.links) - set(self.view.links) - view.connected
        self.reconsider(self.view, view)
        self.view = view
        gone = (self.origins - set(view.links) - view.connected | self.expired(now)) - {self._me}
        self._facts.drop(gone)
        self.forget(gone)
        self.say_to_all(new - self.origins)
        return self.expires_at
