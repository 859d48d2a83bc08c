"""The topic of paths: what each peer says about its ways to others.

It spreads as all topics of facts do (`weave_http.router.mesh.fact_gossip`), and what is kept is bounded in the same
way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from weave_http.router.mesh.fact_gossip import FactGossip
from weave_http.router.mesh.facts import Fact
from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.messages import Kind, Message
from weave_http.router.mesh.neighbours import Neighbour, View
from weave_http.router.paths.facts import CLAIMS_PER_MESSAGE, MOST_SEEN, Claim, Paths, Says, claim, pack, read

MOST_CLAIMS = 1024
"""Facts about third peers that one neighbour may tell."""
MOST_CLAIMED_WAYS = 65_536
"""Ways in all those facts together."""


class PathGossip(FactGossip[Says, Claim]):
    """What all peers say about their ways.

    Args:
        name: of this peer.
        uid: of this process, in µs since 1970.

    Attributes:
        changed: called when something may follow from what is known now.
    """

    name = "paths"
    kinds = (Kind("paths", Paths, read, pack),)

    def __init__(self, name: PeerName, uid: int) -> None:
        super().__init__(name, uid, Says())
        self.changed: Callable[[], None] = lambda: None

    # -- what is known ---------------------------------------------------------------------------------------

    @property
    def says(self) -> Mapping[PeerName, Says]:
        """What the reachable peers say that have this topic, ourselves included."""
        return {fact.owner: fact.value for fact in self._facts if fact.owner in self.view.present}

    def say(self, says: Says) -> bool:
        """Set what this peer says; return whether that is a change."""
        return self._facts.say(says)

    # -- as a topic ------------------------------------------------------------------------------------------

    def size(self, value: Says) -> int:
        """Return the ways of a peer."""
        return len(value.seen)

    def has_room(self, neighbour: Neighbour, fact: Fact[Says]) -> bool:
        """Tell whether a neighbour may claim something of a third peer."""
        claims, ways = self.load(neighbour)
        return claims < MOST_CLAIMS and ways + self.size(fact.value) <= MOST_CLAIMED_WAYS

    def take_in(self, neighbour: Neighbour, message: Message, view: View, now: float) -> bool:
        """Take in what is said; return whether any of it is news. Raises `Malformed`."""
        if not isinstance(message, Paths):
            return False
        news = [self.hear_fact(neighbour, each.owner, each.stamp, each.read, view, now) for each in message.claims]
        if any(news):
            self.changed()
        return any(news)

    def updates(self, neighbour: Neighbour, now: float) -> list[Message]:
        """Return what is new to a neighbour; it counts as told."""
        batches = self.batches(self.due(neighbour, now), neighbour, CLAIMS_PER_MESSAGE, MOST_SEEN)
        return [Paths(tuple(batch)) for batch in batches]

    def claim(self, fact: Fact[Says], told: Fact[Says] | None) -> Claim:
        """Return a fact as it is sent."""
        return claim(fact, told)

    def settle(self, view: View, now: float) -> float | None:
        """Conclude anew whose word counts; return when there will be more to conclude."""
        due = super().settle(view, now)
        self.changed()
        return due
