"""Unix sockets and plain TCP with little more than a socket, for the image, where start-up time counts."""

from __future__ import annotations

import contextlib
import select
import socket
from collections import deque
from typing import TYPE_CHECKING

from weave_http.engine.endpoint import Endpoint
from weave_http.engine.errors import EndpointError, TransportError
from weave_http.engine.http1 import Answer, CutShort, Garbage, request_head
from weave_http.engine.transport.base import Request
from weave_http.engine.transport.common import (
    Timeouts,
    header_fields,
    host_field,
    raising_source_errors,
    upload,
)
from weave_http.engine.transport.held import HeldResponse, Holders, close_all
from weave_http.engine.transport.sockets import dialler

if TYPE_CHECKING:
    from weave_http.engine.transport.hijack import SocketDuplex

_PIECE = 65536


class PlainTransport:
    """Implements `transport.base.Transport` for `unix://` and for `tcp://` without TLS.

    Args:
        endpoint: the socket, or host and port.
        timeouts: how long to wait for what.

    Raises:
        EndpointError: the endpoint wants TLS.
    """

    def __init__(self, endpoint: Endpoint, timeouts: Timeouts | None = None) -> None:
        if endpoint.tls:
            raise EndpointError(f"{endpoint} needs TLS, which is not spoken here", hint="use the unix socket")
        self._endpoint = endpoint
        self._timeouts = timeouts or Timeouts()
        self._dial = dialler(endpoint, self._timeouts)
        self._open: Holders = set()
        self._idle: list[socket.socket] = []

    def send(self, request: Request) -> HeldResponse:
        """Send a request; see `transport.base.Transport`."""
        exchange = _Exchange(self._connection(), request, self._endpoint, self._timeouts.silence(request), self._idle)
        try:
            with raising_source_errors():
                exchange.write()
            return exchange.begin(self._open)
        except BaseException:
            exchange.drop()
            raise

    def hijack(self, request: Request) -> SocketDuplex:
        """Send a request and take its connection over; see `transport.base.Hijacker`."""
        from weave_http.engine.transport.hijack import hijack

        return hijack(request, self._endpoint, self._timeouts, self._dial, self._open)

    def _connection(self) -> socket.socket:
        """Return an idle connection that is still alive, or a new one."""
        while self._idle:
            sock = self._idle.pop()
            # An idle connection has nothing to say but that its other end is gone.
            if not select.select([sock], [], [], 0)[0]:
                return sock
            sock.close()
        try:
            return self._dial()
        except OSError as error:
            # Imported late: it knows of TLS, and importing that takes 20 ms.
            from weave_http.engine.transport.failures import connect_failure

            raise connect_failure(error, self._endpoint, self._timeouts.connect) from error

    def close(self) -> None:
        """Close all connections."""
        close_all(self._open)
        while self._idle:
            self._idle.pop().close()


class _Exchange:
    """One request and its answer on a connection; implements `held.Body`."""

    def __init__(
        self,
        sock: socket.socket,
        request: Request,
        endpoint: Endpoint,
        silence: float | None,
        idle: list[socket.socket],
    ) -> None:
        self._sock = sock
        self._request = request
        self._endpoint = endpoint
        self._silence = silence
        self._idle = idle
        self._answer = Answer(request.method)
        self._broken = False
        self._ready: deque[bytes] = deque()

    def write(self) -> None:
        """Send the request."""
        self._sock.settimeout(self._silence)
        try:
            self._write()
        except (BrokenPipeError, ConnectionResetError):
            # The daemon may have answered before it had read all; its answer tells more than the broken pipe.
            self._broken = True
        except OSError as error:
            raise self._failure(error) from error

    def _write(self) -> None:
        request, endpoint = self._request, self._endpoint
        target = endpoint.base_path + request.target
        fields = [host_field(endpoint), *header_fields(request)]
        if isinstance(request.body, bytes) or request.body is None:
            content = request.body or b""
            if content or request.method in ("POST", "PUT"):
                fields.append(("Content-Length", str(len(content))))
            self._sock.sendall(request_head(request.method, target, fields) + content)
            return
        self._sock.sendall(request_head(request.method, target, [*fields, ("Transfer-Encoding", "chunked")]))
        for chunk in upload(request.body):
            self._sock.sendall(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        self._sock.sendall(b"0\r\n\r\n")

    def begin(self, holders: Holders) -> HeldResponse:
        """Read the answer's head."""
        while self._answer.head is None:
            self._receive()
        return HeldResponse(self._answer.head.status, self._answer.head.headers, self, holders)

    def _receive(self) -> None:
        try:
            data = self._sock.recv(_PIECE)
            self._ready.extend(self._answer.feed(data))
            if not data:
                self._answer.finish()
        except (OSError, CutShort, Garbage) as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> TransportError:
        from weave_http.engine.transport.failures import exchange_failure

        answered = self._answer.head is not None
        return exchange_failure(error, self._endpoint, self._request, answered=answered, timeout=self._silence)

    def pull(self) -> bytes:
        while not self._ready:
            if self._answer.ended:
                return b""
            self._receive()
        return self._ready.popleft()

    def give_back(self) -> None:
        if self._answer.reusable and not self._broken:
            self._idle.append(self._sock)
        else:
            self._sock.close()

    def drop(self) -> None:
        # Shut down first: it wakes a reader in another thread, which closing alone does not.
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()
