"""Which connections there are."""

from __future__ import annotations

from collections.abc import Iterator

from weave_http.router.mesh.connections import Connection
from weave_http.router.mesh.handshake import Rival
from weave_http.router.mesh.topology import Address, Link


class Table:
    """The established connections, one a peer, and those in their handshake whose peer is known already."""

    def __init__(self) -> None:
        self.established: dict[str, Connection] = {}
        self.meeting: set[Connection] = set()

    def rivals(self, connection: Connection) -> dict[Rival, Connection]:
        """Return the other connections to a peer of that name."""
        others = [
            other
            for other in (*self.established.values(), *self.meeting)
            if other.peer == connection.peer and other is not connection
        ]
        return {Rival(other.hello, other.number, self.is_established(other)): other for other in others}

    def others(self, connection: Connection) -> int:
        """Return how many peers there are connections to, one in its handshake apart."""
        return len({*self.established, *(other.peer for other in self.meeting if other is not connection)})

    def is_established(self, connection: Connection) -> bool:
        """Return whether it is the one connection to its peer."""
        return self.established.get(connection.peer) is connection

    def peer_at(self, address: Address) -> str:
        """Return the name of the connected peer that listens there, empty if there is none."""
        for peer, connection in self.established.items():
            listening = Address(connection.remote.ip, connection.hello.port)
            if address == listening or (connection.outbound and address == connection.remote):
                return peer
        return ""

    def links(self) -> Iterator[Link]:
        """Yield the established connections as they are told to others."""
        for peer, connection in self.established.items():
            yield Link(peer, connection.remote, connection.outbound)
