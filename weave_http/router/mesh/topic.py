"""The protocol that a topic of gossip follows, as names, or who is connected to whom. The mesh knows no topic by name.

A topic is registered by being handed to `weave_http.router.mesh.peering.Peering`. Its name becomes a feature in our
greeting, and it is told only to peers that have it, too. What most topics need beyond that is in
`weave_http.router.mesh.gossip`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.messages import Kind, Message
from weave_http.router.mesh.neighbours import Neighbour, View


class Topic(Protocol):
    """Something that peers tell each other. Sans-I/O; times are seconds of any clock that only goes forward."""

    @property
    def name(self) -> str:
        """What it is called in greetings, and in messages that all topics share."""
        ...

    @property
    def kinds(self) -> Sequence[Kind]:
        """The kinds of message that are its own."""
        ...

    def met(self, neighbour: Neighbour) -> None:
        """Begin with a neighbour."""
        ...

    def parted(self, neighbour: Neighbour, now: float) -> None:
        """End with a neighbour."""
        ...

    def left(self, peer: PeerName) -> None:
        """Note that a peer said goodbye."""
        ...

    def hear(self, neighbour: Neighbour, message: Message, view: View, now: float) -> bool:
        """Take in a message; return whether anything of it is news.

        Raises:
            Malformed: it was not well-formed after all.
        """
        ...

    def owes(self, neighbour: Neighbour) -> bool:
        """Tell whether there may be something to tell a neighbour."""
        ...

    def tell(self, neighbour: Neighbour, now: float) -> list[Message]:
        """Return what has to be told to a neighbour now; it counts as told."""
        ...

    def resend(self, neighbour: Neighbour) -> None:
        """Say anew to a neighbour how far is known what it tells, in case something went wrong."""
        ...

    def settle(self, view: View, now: float) -> float | None:
        """Conclude anew what counts; return when there will be more to conclude, or to tell, by itself."""
        ...
