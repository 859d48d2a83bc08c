"""The table of connections to peers: the established ones, and those in their handshake."""

from __future__ import annotations

from collections.abc import Iterator

from weave_http.router.mesh.connections import Connection
from weave_http.router.mesh.handshake import Rival
from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.topology import Address, Link

CLASH_COUNTS = 300.0
"""Seconds for which two hosts of one name that met are remembered: they try again more often than that."""


class Table:
    """The established connections, one a peer, and those in their handshake whose peer is known already."""

    def __init__(self) -> None:
        self.established: dict[PeerName, Connection] = {}
        self.meeting: set[Connection] = set()
        self.numbers: dict[int, bool] = {}
        """The number of each connection whose greeting has begun, and whether we dialled it."""
        self._clash: tuple[str, float] = "", 0.0

    def rivals(self, connection: Connection, *, established: bool) -> dict[Rival, Connection]:
        """Return the other connections to a peer of that name; only the one that is established, if so wished."""
        others = [
            other
            for other in (*self.established.values(), *(() if established else self.meeting))
            if other.peer == connection.peer and other is not connection
        ]
        return {Rival(other.hello, other.number, self.is_established(other)): other for other in others}

    def others(self, connection: Connection) -> int:
        """Return how many peers there are connections to, one in its handshake apart."""
        return len({*self.established, *(other.peer for other in self.meeting if other is not connection)})

    def is_established(self, connection: Connection) -> bool:
        """Return whether it is the one connection to its peer."""
        return self.established.get(connection.peer) is connection

    def is_superseded(self, connection: Connection) -> bool:
        """Return whether a better connection between the same two processes is about to take its place."""
        return any(
            other.peer == connection.peer
            and other.hello.uid == connection.hello.uid
            and other.number < connection.number
            for other in self.meeting
        )

    def peer_at(self, address: Address) -> PeerName | None:
        """Return the name of the connected peer that listens there, if there is one."""
        for peer, connection in self.established.items():
            listening = Address(connection.remote.ip, connection.hello.port)
            if address == listening or (connection.outbound and address == connection.remote):
                return peer
        return None

    def note_clash(self, what: str, now: float) -> bool:
        """Note that two hosts with one name met; return whether that is news.

        Args:
            what: a sentence that names both, and says what helps.
            now: the time, in seconds of any clock that only goes forward.
        """
        news = self.clash(now) != what
        self._clash = what, now + CLASH_COUNTS
        return news

    def clash(self, now: float) -> str:
        """Return what was noted last of two hosts with one name; empty when that was long ago."""
        what, until = self._clash
        return what if now < until else ""

    def links(self) -> Iterator[Link]:
        """Yield the established connections as they are told to others: with where the peer can be dialled."""
        for peer, connection in self.established.items():
            remote = connection.remote
            listens = remote if connection.outbound else Address(remote.ip, connection.hello.port)
            yield Link(peer, listens, connection.outbound)
