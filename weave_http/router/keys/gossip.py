"""The topic of keys. It spreads as all topics of facts do (`weave_http.router.mesh.fact_gossip`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from weave_http.router.keys.facts import CLAIMS_PER_MESSAGE, Claim, Keys, PublicKeys, claim, pack, read
from weave_http.router.mesh.fact_gossip import FactGossip
from weave_http.router.mesh.facts import Fact
from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.messages import Kind, Message
from weave_http.router.mesh.neighbours import Neighbour, View

MOST_CLAIMS = 4096
"""Facts about third peers that one neighbour may tell."""


class KeyGossip(FactGossip[PublicKeys, Claim]):
    """What all peers say of their keys.

    Args:
        name: of this peer.
        uid: of this process, in µs since 1970.

    Attributes:
        changed: called when something may follow from what is known now.
    """

    name = "keys"
    holds_hearsay = False
    kinds = (Kind("keys", Keys, read, pack),)

    def __init__(self, name: PeerName, uid: int) -> None:
        super().__init__(name, uid, PublicKeys())
        self.changed: Callable[[], None] = lambda: None

    @property
    def says(self) -> Mapping[PeerName, PublicKeys]:
        """What all peers say that have this topic, but for ourselves."""
        return {fact.owner: fact.value for fact in self._facts if fact.owner != self._me}

    def say(self, keys: PublicKeys) -> bool:
        """Set what this peer says; return whether that is a change."""
        return self._facts.say(keys)

    def size(self, value: PublicKeys) -> int:
        """Return one: all are the same size."""
        return 1

    def has_room(self, neighbour: Neighbour, fact: Fact[PublicKeys]) -> bool:
        """Tell whether a neighbour may claim something of a third peer."""
        claims, _ = self.load(neighbour)
        return claims < MOST_CLAIMS

    def take_in(self, neighbour: Neighbour, message: Message, view: View, now: float) -> bool:
        """Take in what is said; return whether any of it is news. Raises `Malformed`."""
        if not isinstance(message, Keys):
            return False
        news = [self.hear_fact(neighbour, each.owner, each.stamp, each.read, view, now) for each in message.claims]
        if any(news):
            self.changed()
        return any(news)

    def updates(self, neighbour: Neighbour, now: float) -> list[Message]:
        """Return what is new to a neighbour; it counts as told."""
        batches = self.batches(self.due(neighbour, now), neighbour, CLAIMS_PER_MESSAGE, CLAIMS_PER_MESSAGE)
        return [Keys(tuple(batch)) for batch in batches]

    def claim(self, fact: Fact[PublicKeys], told: Fact[PublicKeys] | None) -> Claim:
        """Return a fact as it is sent: each time the whole of it, which is short."""
        return claim(fact)

    def settle(self, view: View, now: float) -> float | None:
        """Conclude anew whose word counts; return when there will be more to conclude."""
        due = super().settle(view, now)
        self.changed()
        return due
