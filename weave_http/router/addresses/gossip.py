"""The topic of addresses: what each peer says about them, and the charter for those who lag behind. Sans-I/O.

How it spreads, and what is believed of whom, is as with all topics of facts (`weave_http.router.mesh.fact_gossip`).
What this peer says is given here only after it is on the disk (`say`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set

from weave_http.router.addresses import packing
from weave_http.router.addresses.charter import Charter
from weave_http.router.addresses.packing import Says, Teaches
from weave_http.router.addresses.standing import Standing
from weave_http.router.mesh.fact_gossip import FactGossip
from weave_http.router.mesh.facts import Fact
from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.messages import Kind, Message
from weave_http.router.mesh.neighbours import Neighbour, View

MOST_CLAIMS = 1024
"""Peers of which one neighbour may tell what they say."""


class AddressGossip(FactGossip[Standing | None, Says]):
    """What all peers say about addresses.

    Args:
        name: of this peer.
        uid: of this process, in µs since 1970.

    Attributes:
        heard: called when something was heard, or somebody came or went.
        learn: called with a charter that a neighbour has.
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
        super().__init__(name, uid, None)
        self.heard: Callable[[], None] = lambda: None
        self.learn: Callable[[Charter], None] = lambda charter: None
        self._charter: Charter | None = None
        self._taught: dict[Neighbour, tuple[str, int]] = {}

    @property
    def facts(self) -> Mapping[PeerName, Standing]:
        """What others say, by name."""
        return {fact.owner: fact.value for fact in self._facts if fact.value is not None and fact.owner != self._me}

    @property
    def present(self) -> Set[PeerName]:
        """Who is in reach, this peer included."""
        return {*self.view.present, *self.view.connected, self._me}

    def say(self, standing: Standing, charter: Charter | None) -> bool:
        """Say this from now on; return whether that is a change."""
        self._charter = charter
        return self._facts.say(standing)

    # -- as a topic ------------------------------------------------------------------------------------------

    def size(self, value: Standing | None) -> int:
        """Return 1: a fact counts as one, whatever it says."""
        return 1

    def has_room(self, neighbour: Neighbour, fact: Fact[Standing | None]) -> bool:
        """Tell whether a neighbour may claim something of a third peer."""
        return self.sources.load(neighbour)[0] < MOST_CLAIMS

    def parted(self, neighbour: Neighbour, now: float) -> None:
        """End with a neighbour; from now on others are believed about it."""
        super().parted(neighbour, now)
        self._taught.pop(neighbour, None)

    def take_in(self, neighbour: Neighbour, message: Message, view: View, now: float) -> bool:
        """Take in what a peer says, or a charter; who follows the topic concludes from it."""
        if isinstance(message, Teaches):
            self.learn(message.charter)
            return False
        if not isinstance(message, Says):
            return False
        fact: Fact[Standing | None] = Fact(message.origin, message.stamp, message.standing)
        if self.hear_fact(neighbour, fact.owner, fact.stamp, lambda before: fact, view, now):
            self.heard()
        return False

    def may_owe(self, neighbour: Neighbour) -> bool:
        """Return True: it may need a charter, too."""
        return True

    def updates(self, neighbour: Neighbour, now: float) -> list[Message]:
        """Return what is new to a neighbour; it counts as told."""
        messages: list[Message] = []
        for fact in self.due(neighbour, now):
            if fact.value is not None:
                messages.append(self.claim(fact, None))
                self.note(neighbour, fact.owner, fact.stamp)
        return [*messages, *self._lesson(neighbour)]

    def claim(self, fact: Fact[Standing | None], told: Fact[Standing | None] | None) -> Says:
        """Return a fact as it is sent: each time the whole of it, which is short."""
        assert fact.value is not None
        return Says(fact.owner, fact.stamp, fact.value)

    def _lesson(self, neighbour: Neighbour) -> list[Message]:
        """Return our charter for a neighbour that has an earlier one, or none."""
        charter, fact = self._charter, self._facts.get(neighbour.peer)
        its = fact.value if fact else None
        if charter is None or its is None or not (its.number == 0 or charter.follows(its.number, its.founding)):
            return []
        if self._taught.get(neighbour) == (charter.founding, charter.number):
            return []
        self._taught[neighbour] = charter.founding, charter.number
        return [Teaches(charter)]

    def resend(self, neighbour: Neighbour) -> None:
        """Say anew to a neighbour how far is known what it tells, in case something went wrong."""
        super().resend(neighbour)
        self._taught.pop(neighbour, None)

    def settle(self, view: View, now: float) -> float | None:
        """Forget what was withdrawn, and who is unknown; return when there will be more to do."""
        due = super().settle(view, now)
        self.heard()
        return due
