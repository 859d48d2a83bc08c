"""The connection to the daemon that a client's connection has: opened when a request needs one, let go when it ends."""

from __future__ import annotations

from weave_http.engine.wire.channel import Channel
from weave_http.errors import WeaveError
from weave_http.proxy.changes import Refused
from weave_http.proxy.home import Home
from weave_http.proxy.messages import Message


class Daemon:
    """A connection to the daemon at a time.

    Args:
        home: opens them.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self.open: Channel | None = None
        """The connection, if there is one."""

    @property
    def channel(self) -> Channel:
        """The connection, which there is."""
        assert self.open is not None
        return self.open

    def connect(self) -> None:
        """Have a connection on which nothing is under way. Raises `Refused`: the daemon can't be reached."""
        self.forget_ended()
        if self.open is None:
            try:
                self.open = self._opened()
            except WeaveError as error:
                raise Refused(503, f"weave: {error}") from error

    def begin(self, data: bytes, *, anew: bool = False) -> None:
        """Send a request's first bytes, on a new connection where the daemon takes none of them on this one.

        Args:
            data: all of the request that there is yet.
            anew: on a new connection in any case.

        Raises:
            Refused: there is no new one to be had.
        """
        if anew or not self.channel.write(data):
            self.close()
            self.connect()
            self.channel.write(data)

    def receive(self, response: Message) -> bytes | None:
        """Return what has come of a response, `b""` at the end, None if nothing has come yet.

        Raises:
            OSError: the connection broke in the middle; before the response it is an end like any other.
        """
        try:
            return self.channel.receive()
        except OSError:
            if response.head is not None:
                raise
            return b""

    def forget_ended(self) -> None:
        """Close the connection if nothing is under way on it, and it has ended, or the daemon speaks unasked."""
        if self.open is not None and not self.open.is_idle():
            self.close()

    def close(self) -> None:
        """End the connection. Idempotent."""
        if self.open is not None:
            self.open.close()
            self.open = None

    def _opened(self) -> Channel:
        """Return a new connection; one that ends while it is being opened is opened once again."""
        try:
            return self._home.open()
        except WeaveError as error:
            if not isinstance(error.__cause__, ConnectionResetError):
                raise
            return self._home.open()
