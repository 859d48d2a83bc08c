"""The topic of addresses: what each peer says about them, and the charter for those who lag behind. Sans-I/O.

How it spreads, and what is believed of whom, is as with all topics (`weave_http.router.mesh.gossip`). What this peer
says is given here only after it is on the disk (`say`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set

from weave_http.router.addresses import packing
from weave_http.router.addresses.agreement import Standing
from weave_http.router.addresses.charter import Charter
from weave_http.router.addresses.packing import Says, Teaches
from weave_http.router.mesh.facts import NOTHING, Fact, FactSet, Stamp
from weave_http.router.mesh.gossip import Gossip
from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.messages import Kind, Message
from weave_http.router.mesh.neighbours import NOBODY, Neighbour, View

MOST_CLAIMS = 1024
"""Peers of which one neighbour may tell what they say."""


class AddressGossip(Gossip):
    """What all peers say about addresses.

    Args:
        name: of this peer.
        uid: of this process, in µs since 1970.

    Attributes:
        heard: called when something was heard, or somebody came or went.
        learn: called with a charter, and the peer that has it.
    """

    name = "addresses"
    kinds = (
        Kind("addresses", Says, packing.read_says, packing.pack_says),
        Kind(
            "charter",
            Teaches,
            lambda fields, greatest: Teaches(packing.read_charter(fields["charter"])),
            lambda teaches: {"charter": packing.pack_charter(teaches.charter)},
        ),
    )

    def __init__(self, name: PeerName, uid: int) -> None:
        super().__init__(name)
        self.heard: Callable[[], None] = lambda: None
        self.learn: Callable[[Charter, PeerName], None] = lambda charter, peer: None
        self._facts: FactSet[Standing | None] = FactSet(name, uid, None)
        self._charter: Charter | None = None
        self._taught: dict[Neighbour, tuple[str, int]] = {}
        self._view = NOBODY

    @property
    def facts(self) -> Mapping[PeerName, Standing]:
        """What others say, by name."""
        return {fact.owner: fact.value for fact in self._facts if fact.value is not None and fact.owner != self._me}

    @property
    def present(self) -> Set[PeerName]:
        """Who is in reach, this peer included."""
        return {*self._view.present, *self._view.connected, self._me}

    def say(self, standing: Standing, charter: Charter | None) -> bool:
        """Say this from now on; return whether that is a change."""
        self._charter = charter
        return self._facts.say(standing)

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

    def parted(self, neighbour: Neighbour, now: float) -> None:
        """End with a neighbour; from now on others are believed about it."""
        super().parted(neighbour, now)
        self._taught.pop(neighbour, None)

    def take_in(self, neighbour: Neighbour, message: Message, view: View, now: float) -> bool:
        """Take in what a peer says, or a charter; return whether it is news."""
        if isinstance(message, Teaches):
            self.learn(message.charter, neighbour.peer)
            return False
        news = isinstance(message, Says) and self._hear(neighbour, message, view, now)
        if news:
            self.heard()
        return news

    def _hear(self, neighbour: Neighbour, says: Says, view: View, now: float) -> bool:
        origin, stamp = says.origin, says.stamp
        self.note(neighbour, origin, stamp)
        if origin == self._me:
            return self.reassert(stamp, now)
        of_itself = origin == neighbour.peer
        wrong = of_itself and self.source(origin) is not neighbour
        if stamp == self.stamp(origin) or (stamp < self.stamp(origin) and not wrong):
            return False
        if not of_itself and (origin not in view.links or self.load(neighbour)[0] >= MOST_CLAIMS):
            return False
        if not self.believe(neighbour, origin, stamp, view.connected):
            return False
        if stamp < self.stamp(origin):
            self._facts.withdraw(origin)
            self.say_to_all([origin])
        self._facts.merge([Fact(origin, stamp, says.standing)])
        self.came_from(neighbour, origin, stamp, 1)
        return True

    def updates(self, neighbour: Neighbour, now: float) -> list[Message]:
        """Return what is new to a neighbour; it counts as told."""
        messages: list[Message] = []
        for fact in self._facts:
            if (
                fact.value is not None
                and fact.stamp > self.known(neighbour, fact.owner)
                and self._is_told(fact.owner, neighbour)
            ):
                messages.append(Says(fact.owner, fact.stamp, fact.value))
                self.note(neighbour, fact.owner, fact.stamp)
        return [*messages, *self._lesson(neighbour)]

    def _is_told(self, origin: PeerName, neighbour: Neighbour) -> bool:
        if origin in (self._me, neighbour.peer):
            return origin == self._me
        return origin in self._view.present and not self._view.at_first_hand(origin, neighbour.peer)

    def _lesson(self, neighbour: Neighbour) -> list[Message]:
        """Return our charter for a neighbour that has an earlier one, or none."""
        charter, fact = self._charter, self._facts.get(neighbour.peer)
        its = fact.value if fact else None
        if charter is None or its is None or its.number >= charter.number or its.founding not in ("", charter.founding):
            return []
        if self._taught.get(neighbour) == (charter.founding, charter.number):
            return []
        self._taught[neighbour] = charter.founding, charter.number
        return [Teaches(charter)]

    def resend(self, neighbour: Neighbour) -> None:
        """Say anew to a neighbour how far everything is known, in case something went wrong."""
        super().resend(neighbour)
        self._taught.pop(neighbour, None)

    def settle(self, view: View, now: float) -> float | None:
        """Forget what was withdrawn, and who is unknown; return when there will be more to do."""
        new = set(view.links) - set(self._view.links) - view.connected
        self._view = view
        gone = (self.origins - set(view.links) - view.connected | self.expired(now)) - {self._me}
        self._facts.drop(gone)
        self.forget(gone)
        self.say_to_all(new - self.origins)
        self.heard()
        return self.expires_at
