"""The topic of paths: what each peer says about its ways to others, and to a neighbour, that it takes its frames."""

from __future__ import annotations

from collections.abc import Set

from weave_http.router.mesh.fact_topic import FactTopic
from weave_http.router.mesh.facts import Fact
from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.messages import Message
from weave_http.router.mesh.neighbours import Neighbour, View
from weave_http.router.paths.facts import CLAIMS_PER_MESSAGE, KIND, MOST_SEEN, TAKES, Claim, Paths, Says, Takes, claim


class PathGossip(FactTopic[Says, Claim]):
    """What all peers say about their ways; arguments but for the last as of the base class.

    Attributes:
        taken: names of the peers whose frames this host's kernel takes.
    """

    name = "paths"
    kinds = (KIND, TAKES)
    message, per_message, largest = Paths, CLAIMS_PER_MESSAGE, MOST_SEEN

    def __init__(self, name: PeerName, uid: int) -> None:
        super().__init__(name, uid, Says())
        self.taken: Set[str] = frozenset()
        self._to_be_told: set[Neighbour] = set()
        self._taking: set[Neighbour] = set()

    @property
    def taking(self) -> set[PeerName]:
        """Names of the neighbours whose kernels take our frames, as they say."""
        return {neighbour.peer for neighbour in self._taking}

    def met(self, neighbour: Neighbour) -> None:
        """Begin with a neighbour."""
        super().met(neighbour)
        self._to_be_told.add(neighbour)

    def parted(self, neighbour: Neighbour, now: float) -> None:
        """End with a neighbour."""
        super().parted(neighbour, now)
        self._to_be_told.discard(neighbour)
        self._taking.discard(neighbour)

    def owes(self, neighbour: Neighbour) -> bool:
        """Tell whether there may be something to tell a neighbour."""
        return super().owes(neighbour) or self._owes_takes(neighbour)

    def _owes_takes(self, neighbour: Neighbour) -> bool:
        return neighbour in self._to_be_told and neighbour.peer in self.taken

    def tell(self, neighbour: Neighbour, now: float) -> list[Message]:
        """Return what has to be told to a neighbour now; it counts as told."""
        messages = super().tell(neighbour, now)
        if self._owes_takes(neighbour):
            self._to_be_told.discard(neighbour)
            messages.append(Takes())
        return messages

    def take_in(self, neighbour: Neighbour, message: Message, view: View, now: float) -> bool:
        """Take in what is said; return whether others have to hear of it. Raises `Malformed`."""
        if isinstance(message, Takes):
            self._taking.add(neighbour)
            self.changed()
            return False
        return super().take_in(neighbour, message, view, now)

    def size(self, value: Says) -> int:
        """Return the ways of a peer."""
        return len(value.seen)

    def claim(self, fact: Fact[Says], told: Fact[Says] | None) -> Claim:
        """Return a fact as it is sent."""
        return claim(fact, told)
