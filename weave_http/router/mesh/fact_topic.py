"""A topic whose messages are claims and nothing else: who follows it is told when something may follow from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol, TypeVar

from weave_http.router.mesh.claims import Claim
from weave_http.router.mesh.fact_gossip import FactGossip
from weave_http.router.mesh.facts import Fact
from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.messages import Message
from weave_http.router.mesh.neighbours import Neighbour, View

V = TypeVar("V")
C = TypeVar("C", bound=Claim[Any])


class _Claims(Protocol):
    claims: tuple[Any, ...]


class FactTopic(FactGossip[V, C]):
    """A topic of claims; each class says which message has them, and how many of them there may be.

    Args:
        name: of this peer.
        uid: of this process, in µs since 1970.
        value: what this peer says at first.

    Attributes:
        changed: called when something may follow from what is known now.

    Class attributes:
        message: makes a message of claims; it has them as `claims`.
        per_message: claims in one message.
        largest: size of all the facts in one message.
        most_claims: facts about third peers that one neighbour may tell.
        most_claimed: size of all those facts together.
    """

    message: ClassVar[type[Any]]
    per_message: ClassVar[int]
    largest: ClassVar[int]
    most_claims: ClassVar[int] = 1024
    most_claimed: ClassVar[int] = 1 << 16

    def __init__(self, name: PeerName, uid: int, value: V) -> None:
        super().__init__(name, uid, value)
        self.changed: Callable[[], None] = lambda: None

    @property
    def says(self) -> Mapping[PeerName, V]:
        """What the reachable peers say that have this topic, ourselves included."""
        return {fact.owner: fact.value for fact in self._facts if fact.owner in self.view.present}

    def say(self, value: V) -> bool:
        """Set what this peer says; return whether that is a change."""
        return self._facts.say(value)

    def size(self, value: V) -> int:
        """Return how large a fact is: one, where all are alike."""
        return 1

    def has_room(self, neighbour: Neighbour, fact: Fact[V]) -> bool:
        """Tell whether a neighbour may claim something of a third peer."""
        claims, size = self.sources.load(neighbour)
        return claims < self.most_claims and size + self.size(fact.value) <= self.most_claimed

    def take_in(self, neighbour: Neighbour, message: Message, view: View, now: float) -> bool:
        """Take in what is said; who follows the topic concludes from it. Raises `Malformed`."""
        if not isinstance(message, self.message):
            return False
        said: _Claims = message
        news = [self.hear_fact(neighbour, each.owner, each.stamp, each.read, view, now) for each in said.claims]
        if any(news):
            self.changed()
        return False

    def updates(self, neighbour: Neighbour, now: float) -> list[Message]:
        """Return what is new to a neighbour; it counts as told."""
        batches = self.batches(self.due(neighbour, now), neighbour, self.per_message, self.largest)
        return [self.message(tuple(batch)) for batch in batches]

    def settle(self, view: View, now: float) -> float | None:
        """Conclude anew whose word counts; return when there will be more to conclude."""
        due = super().settle(view, now)
        self.changed()
        return due
