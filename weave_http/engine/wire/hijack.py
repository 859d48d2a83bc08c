"""Connections that stop being HTTP: attach and exec with stdin.

A request with `Connection: Upgrade, Upgrade: tcp` is answered by 101, and from then on the connection carries a
container's stdin one way and its output the other. No HTTP library gives away its connection then without a look at
its private parts, so each such request gets a connection of its own, spoken to directly; moby's client does the same.

Daemons that know no upgrade, and Podman at times, answer 200 and switch nevertheless; the body of that answer is the
output. The first output may come in one packet with the head.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING

from weave_http.closing import Closing
from weave_http.engine.endpoint import Endpoint
from weave_http.engine.errors import ProtocolError, TransportError
from weave_http.engine.http1 import Answer, CutShort, Garbage, Head, request_head
from weave_http.engine.wire.base import Request
from weave_http.engine.wire.common import Timeouts, header_fields, host_field
from weave_http.engine.wire.held import Holders
from weave_http.engine.wire.sockets import Dial

if TYPE_CHECKING:
    import ssl

    from weave_http.engine.wire.tls import TLSChannel

_PIECE = 65536
_SWITCHING = 101
_UPGRADE = (("Connection", "Upgrade"), ("Upgrade", "tcp"))
_GONE = (BrokenPipeError, ConnectionResetError)


def hijack(
    request: Request,
    endpoint: Endpoint,
    timeouts: Timeouts,
    dial: Dial,
    holders: Holders,
    context: ssl.SSLContext | None = None,
) -> SocketDuplex:
    """Open a connection, send a request on it, and return the connection once the answer's head is there.

    Args:
        request: with all of its body, or none.
        dial: opens the connection.
        holders: the transport's open answers; the connection is in it until it is closed.
        context: TLS settings, or None to speak without.

    Raises:
        TransportError: no connection, or no usable answer.
    """
    channel: TLSChannel | None = None
    sock: socket.socket | None = None
    try:
        sock = dial()
        if context is not None:
            from weave_http.engine.wire.tls import TLSChannel

            channel = TLSChannel(context, endpoint.host)
            _shake_hands(sock, channel, timeouts.connect)
    except BaseException as error:
        if sock is not None:
            sock.close()
        if isinstance(error, OSError):
            # Imported late: it knows of TLS, and importing that takes 20 ms.
            from weave_http.engine.wire.failures import connect_failure

            raise connect_failure(error, endpoint, timeouts.connect) from error
        raise
    duplex = SocketDuplex(sock, channel, request, endpoint, holders)
    try:
        duplex.begin(timeouts.silence(request))
    except BaseException:
        duplex.close()
        raise
    return duplex


def _shake_hands(sock: socket.socket, channel: TLSChannel, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while True:
        done = channel.shake_hands()
        sock.sendall(channel.outgoing())
        if done:
            return
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the handshake operation timed out")
        sock.settimeout(left)
        try:
            data = sock.recv(_PIECE)
        except TimeoutError as error:
            raise TimeoutError("the handshake operation timed out") from error
        if not data:
            raise ConnectionResetError("closed during the handshake")
        channel.feed(data)


class SocketDuplex(Closing):
    """Implements `transport.base.Duplex` on a socket, with TLS or without."""

    def __init__(
        self,
        sock: socket.socket,
        channel: TLSChannel | None,
        request: Request,
        endpoint: Endpoint,
        holders: Holders,
    ) -> None:
        self._sock = sock
        self._channel = channel
        self._request = request
        self._endpoint = endpoint
        self._holders = holders
        self._answer = Answer(request.method)
        self._silence: float | None = None
        self._came: deque[bytes] = deque()
        self._unsent = bytearray()
        self._spoken = False
        self._finishing = False
        self._finished = False
        self._ended = False
        self._closed = False
        sock.setblocking(False)
        holders.add(self)

    # -- the answer's head -------------------------------------------------------------------------------

    def begin(self, silence: float | None) -> None:
        """Send the request and wait for the answer's head.

        Args:
            silence: seconds that the daemon may be silent, None for any time.
        """
        self._silence = silence
        self._queue(self._head() + self._content())
        while self._answer.head is None:
            self._push()
            self._pull()
            if self._answer.head is None:
                self._wait(silence)
        self._silence = None

    def _content(self) -> bytes:
        if not isinstance(self._request.body, bytes | None):
            raise ProtocolError(f"{self._request.call} can't have a body of unknown length")
        return self._request.body or b""

    def _head(self) -> bytes:
        request, endpoint = self._request, self._endpoint
        length = ("Content-Length", str(len(self._content())))
        fields = [host_field(endpoint), *_UPGRADE, *header_fields(request), length]
        return request_head(request.method, endpoint.base_path + request.target, fields)

    def _wait(self, silence: float | None) -> None:
        poll = select.poll()
        poll.register(self._sock, select.POLLIN | (select.POLLOUT if self._unsent else 0))
        if not poll.poll(None if silence is None else silence * 1000):
            raise self._failure(TimeoutError("silent"))

    @property
    def _begun(self) -> Head:
        if self._answer.head is None:
            raise ProtocolError(f"{self._endpoint} has not answered {self._request.call} yet")
        return self._answer.head

    @property
    def status(self) -> int:
        """Status of the answer: 101 as a rule."""
        return self._begun.status

    @property
    def headers(self) -> Mapping[str, str]:
        """Header fields of the answer, names in lower case."""
        return self._begun.headers

    # -- both ways ---------------------------------------------------------------------------------------

    def fileno(self) -> int:
        """The connection's descriptor, to wait for."""
        return self._sock.fileno()

    @property
    def unsent(self) -> int:
        """Bytes that were written and not yet taken by the connection."""
        return len(self._unsent)

    def write(self, data: bytes) -> None:
        """Send bytes: those that the connection takes at once now, the rest whenever `receive` is called."""
        self._spoken = True
        self._queue(data)
        self._push()

    def half_close(self) -> None:
        """Say that nothing more will be written."""
        if not self._finishing:
            self._finishing = True
            if self._channel is not None:
                self._unsent += self._channel.finish()
            self._push()

    def receive(self) -> bytes | None:
        """Return what has come, `b""` at the end, None if nothing has come yet; never waits."""
        if self._closed:
            raise ProtocolError("the connection was closed before it was read to its end")
        self._push()
        if not self._came and not self._ended:
            self._pull()
        if self._came:
            return self._came.popleft()
        return b"" if self._ended else None

    def close(self) -> None:
        """Close the connection. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._holders.discard(self)
        # Shut down first: it wakes a reader in another thread, which closing alone does not.
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()

    def _queue(self, data: bytes) -> None:
        self._unsent += data if self._channel is None else self._channel.encrypt(data)

    def _push(self) -> None:
        """Send as much as the connection takes now."""
        try:
            while self._unsent:
                del self._unsent[: self._sock.send(self._unsent)]
            if self._finishing and not self._finished:
                self._finished = True
                if self._channel is None:
                    self._sock.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            pass
        except _GONE:
            # A container that has exited reads no stdin; what it has written is still to come.
            self._unsent.clear()
        except OSError as error:
            raise self._failure(error) from error

    def _pull(self) -> None:
        """Take what has come."""
        try:
            data = self._sock.recv(_PIECE)
        except BlockingIOError:
            return
        except _GONE as error:
            if not self._spoken or self._answer.head is None:
                raise self._failure(error) from error
            # The daemon closed with stdin unread, which the system tells as a reset: the output is complete.
            self._ended = True
            return
        except OSError as error:
            raise self._failure(error) from error
        try:
            self._take(data)
        except (OSError, CutShort, Garbage) as error:
            raise self._failure(error) from error

    def _take(self, data: bytes) -> None:
        over = not data
        if self._channel is not None:
            self._channel.feed(data)
            data = self._channel.decrypt()
            self._unsent += self._channel.outgoing()
            over = over or self._channel.ended
        head = self._answer.head
        if head is None or head.status != _SWITCHING:
            self._came.extend(self._answer.feed(data))
            if over:
                self._answer.finish()
            head = self._answer.head
            data = self._answer.rest if head is not None and head.status == _SWITCHING else b""
            over = over or (self._answer.ended and head is not None and head.status != _SWITCHING)
        if data:
            self._came.append(data)
        self._ended = over

    def _failure(self, error: Exception) -> TransportError:
        from weave_http.engine.wire.failures import exchange_failure

        answered = self._answer.head is not None
        return exchange_failure(error, self._endpoint, self._request, answered=answered, timeout=self._silence)
