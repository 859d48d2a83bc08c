"""A connection that never blocks, with TLS or without; waiting is a step of its own, with a time limit."""

from __future__ import annotations

import contextlib
import select
import socket
import time

from weave_http.hints import TYPE_CHECKING

if TYPE_CHECKING:
    from weave_http.engine.wire.tls import TLSRecords

_PIECE, _LARGEST_PIECE = 65536, 262144
_GONE = (BrokenPipeError, ConnectionResetError)


class Overdue(TimeoutError):
    """Bytes come, but the end does not."""


class Deadline:
    """How long somebody may be silent, and how long all of it may take.

    Args:
        silence: seconds between two bytes; None for any time.
        whole: seconds in all, from now on; None for any time.
    """

    __slots__ = ("_end", "silence", "whole")

    def __init__(self, silence: float | None, whole: float | None) -> None:
        self.silence = silence
        self.whole = whole
        self._end = None if whole is None else time.monotonic() + whole

    def left(self) -> float | None:
        """Return for how many seconds to wait now; None for any time.

        Raises:
            Overdue: the time for all is over.
        """
        if self._end is None:
            return self.silence
        left = self._end - time.monotonic()
        if left <= 0:
            raise Overdue(f"not finished in {self.whole} s")
        return left if self.silence is None else min(self.silence, left)

    def missed(self) -> TimeoutError:
        """Return what to raise after waiting for `left` in vain."""
        over = self._end is not None and time.monotonic() >= self._end
        return Overdue(f"not finished in {self.whole} s") if over else TimeoutError(f"silent for {self.silence} s")


class Channel:
    """A connection: what is written is queued and sent as it is taken, what has come is received.

    Args:
        sock: connected; it is closed with the channel.
        tls: what turns bytes into TLS and back, None for a connection without.
    """

    def __init__(self, sock: socket.socket, tls: TLSRecords | None = None) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._tls = tls
        self._unsent = bytearray()
        self._poll = select.poll()
        self._events = 0
        self._piece = _PIECE
        self._finishing = self._finished = False
        self.ended = False
        """Whether the other side has said that nothing more will come."""
        self.refused = False
        """Whether the other side takes no more; what it has written may still be on its way."""

    def fileno(self) -> int:
        """The connection's descriptor; -1 once it is closed."""
        return self._sock.fileno()

    @property
    def unsent(self) -> int:
        """Bytes that were written and are not sent yet."""
        return len(self._unsent)

    def shake_hands(self, deadline: Deadline) -> None:
        """Begin TLS.

        Raises:
            OSError: the two don't come together.
        """
        assert self._tls is not None
        while not self._shaken(self._tls):
            if not self.wait(deadline.left()):
                raise deadline.missed()
            with contextlib.suppress(BlockingIOError):
                data = self._sock.recv(self._piece)
                if not data:
                    raise ConnectionResetError("closed during the handshake")
                self._tls.feed(data)

    def early(self) -> bytes:
        """Return what came together with the end of the handshake: a client's first request does.

        Raises:
            OSError: the connection is broken.
        """
        if self._tls is None:
            return b""
        plain = self._tls.decrypt()
        self._unsent += self._tls.outgoing()
        self.ended = self._tls.ended
        return plain

    def _shaken(self, tls: TLSRecords) -> bool:
        """Go a step on with TLS's handshake; what TLS has to say of it is sent, also why it fails."""
        try:
            return tls.shake_hands()
        finally:
            self._unsent += tls.outgoing()
            self.push()

    def write(self, data: bytes) -> bool:
        """Queue bytes, and send what is taken at once; return False if the other side takes none of them any more."""
        if self._tls is not None:
            data = self._tls.encrypt(data)
        sent = 0
        if not self._unsent and not self._finishing:
            try:
                sent = self._sock.send(data)  # most often all of it, and nothing is copied
            except BlockingIOError:
                pass
            except _GONE:
                self.refused = True
                return False
        if sent < len(data):
            self._unsent += memoryview(data)[sent:]
            self.push()
        return True

    def finish(self) -> None:
        """Say that nothing more will be written, once all that was is sent. Idempotent."""
        if not self._finishing:
            self._finishing = True
            if self._tls is not None:
                self._unsent += self._tls.finish()
            self.push()

    def push(self) -> None:
        """Send as much as is taken now."""
        try:
            while self._unsent:
                del self._unsent[: self._sock.send(self._unsent)]
            if self._finishing and not self._finished:
                self._finished = True
                if self._tls is None:
                    self._sock.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            pass
        except _GONE:
            self.refused = True
            self._unsent.clear()

    def receive(self) -> bytes | None:
        """Return what has come, `b""` at the end, None if nothing has come yet.

        Raises:
            OSError: the connection is broken.
        """
        if self.ended:
            return b""
        try:
            data = self._sock.recv(self._piece)
        except BlockingIOError:
            return None
        if len(data) == self._piece < _LARGEST_PIECE:
            self._piece *= 2  # much is on its way
        if self._tls is None:
            self.ended = not data
            return data
        self._tls.feed(data)
        plain = self._tls.decrypt()
        self._unsent += self._tls.outgoing()
        self.ended = self._tls.ended
        return plain or (b"" if self.ended else None)

    def wait(self, seconds: float | None, *, reading: bool = True) -> bool:
        """Wait until something has come, or what is unsent is taken; return whether that is so.

        Args:
            seconds: how long; None for any time.
            reading: whether to wait for what comes as well.
        """
        if self.ended:
            return True
        events = (select.POLLIN if reading else 0) | (select.POLLOUT if self._unsent else 0)
        if events != self._events:
            self._poll.register(self._sock, events)
            self._events = events
        return bool(self._poll.poll(None if seconds is None else seconds * 1000))

    def is_idle(self) -> bool:
        """Tell whether an unused connection is still good: nothing came, neither its end nor words unasked for."""
        try:
            return not self._unsent and self.receive() is None
        except OSError:
            return False

    def close(self) -> None:
        """Close the connection. Idempotent."""
        # Shut down first: it wakes a reader in another thread, which closing alone does not.
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()
