"""The topic of paths: what each peer says about its ways to others.

It spreads as all topics do (`weave_http.router.mesh.gossip`), and what is kept is bounded in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set

from weave_http.router.mesh.facts import NOTHING, Fact, FactSet, Stamp
from weave_http.router.mesh.gossip import Gossip
from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.messages import Kind, Message
from weave_http.router.mesh.neighbours import NOBODY, Neighbour, View
from weave_http.router.paths.facts import CLAIMS_PER_MESSAGE, MOST_SEEN, Claim, Paths, Says, claim, pack, read

MOST_CLAIMS = 1024
"""Facts about third peers that one neighbour may tell."""
MOST_CLAIMED_WAYS = 65_536
"""Ways in all those facts together."""


class PathGossip(Gossip):
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
        super().__init__(name)
        self._facts: FactSet[Says] = FactSet(name, uid, Says())
        self.changed: Callable[[], None] = lambda: None
        self.view = NOBODY
        """Who is there, as concluded last."""

    # -- what is known ---------------------------------------------------------------------------------------

    @property
    def says(self) -> Mapping[PeerName, Says]:
        """What the reachable peers say that have this topic, ourselves included."""
        return {fact.owner: fact.value for fact in self._facts if fact.owner in self.view.present}

    def say(self, says: Says) -> bool:
        """Set what this peer says; return whether that is a change."""
        return self._facts.say(says)

    # -- as a topic ------------------------------------------------------------------------------------------

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

    def take_in(self, neighbour: Neighbour, message: Message, view: View, now: float) -> bool:
        """Take in what is said; return whether any of it is news. Raises `Malformed`."""
        if not isinstance(message, Paths):
            return False
        news = [self._hear(neighbour, each, view, now) for each in message.claims]
        if any(news):
            self.changed()
        return any(news)

    def _hear(self, neighbour: Neighbour, each: Claim, view: View, now: float) -> bool:
        owner, stamp = each.owner, each.stamp
        self.note(neighbour, owner, stamp)
        if owner == self._me:
            return self.reassert(stamp, now)
        of_itself = owner == neighbour.peer
        # What others said of a neighbour doesn't count any more, not even if it is later.
        wrong = of_itself and self.source(owner) is not neighbour
        if stamp == self.stamp(owner) or (stamp < self.stamp(owner) and not wrong):
            return False
        # Of someone who is not known yet nothing is kept; when he is, it is asked for.
        known = of_itself or owner in view.links
        if not known or not self.believe(neighbour, owner, stamp, view.connected):
            return False
        says = each.read()
        claims, ways = self.load(neighbour)
        if not of_itself and (claims >= MOST_CLAIMS or ways + len(says.seen) > MOST_CLAIMED_WAYS):
            return False
        if stamp < self.stamp(owner):
            self._facts.withdraw(owner)
            self.say_to_all([owner])
        self._facts.merge([Fact(owner, stamp, says)])
        self.came_from(neighbour, owner, stamp, len(says.seen))
        return True

    def updates(self, neighbour: Neighbour, now: float) -> list[Message]:
        """Return what is new to a neighbour; it counts as told."""
        messages: list[Message] = []
        batch: list[Claim] = []
        ways = 0
        for fact in self._facts:
            owner = fact.owner
            if fact.stamp <= self.known(neighbour, owner) or not self._is_told(owner, neighbour.peer):
                continue
            self.note(neighbour, owner, fact.stamp)
            ways += len(fact.value.seen)
            if batch and (len(batch) >= CLAIMS_PER_MESSAGE or ways > MOST_SEEN):
                messages.append(Paths(tuple(batch)))
                batch, ways = [], len(fact.value.seen)
            batch.append(claim(owner, fact.stamp, fact.value))
        return [*messages, Paths(tuple(batch))] if batch else messages

    def _is_told(self, origin: PeerName, neighbour: PeerName) -> bool:
        if origin in (self._me, neighbour):
            return origin == self._me
        return origin in self.view.present and not self.view.at_first_hand(origin, neighbour)

    def settle(self, view: View, now: float) -> float | None:
        """Conclude anew whose word counts; return when there will be more to conclude."""
        new = set(view.links) - set(self.view.links) - view.connected
        self.view = view
        gone = ((self.origins - set(view.links) - view.connected) | self.expired(now)) - {self._me}
        self._facts.drop(gone)
        if gone:
            self.forget(gone)
        self.say_to_all(new - self.origins)
        self.changed()
        return self.expires_at
