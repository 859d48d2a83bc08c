"""Unix sockets and plain TCP with little more than a socket, for the image, where start-up time counts."""

from __future__ import annotations

import select
import socket
from typing import TYPE_CHECKING

from weave_http.engine.endpoint import Endpoint
from weave_http.engine.errors import EndpointError
from weave_http.engine.transport.base import Request
from weave_http.engine.transport.common import Timeouts
from weave_http.engine.transport.exchange import exchange
from weave_http.engine.transport.held import HeldResponse, Holders, close_all
from weave_http.engine.transport.sockets import Dial, dialler

if TYPE_CHECKING:
    from weave_http.engine.transport.hijack import SocketDuplex


class PlainTransport:
    """Implements `transport.base.Transport` for `unix://` and for `tcp://` without TLS.

    Args:
        endpoint: the socket, or host and port.
        timeouts: how long to wait for what.
        dial: opens a connection, TLS included; None to connect to the endpoint without.

    Raises:
        EndpointError: the endpoint wants TLS, and there is no `dial` that speaks it.
    """

    def __init__(self, endpoint: Endpoint, timeouts: Timeouts | None = None, dial: Dial | None = None) -> None:
        if endpoint.tls and dial is None:
            raise EndpointError(f"{endpoint} needs TLS, which is not spoken here", hint="use the unix socket")
        self._endpoint = endpoint
        self._timeouts = timeouts or Timeouts()
        self._dial = dial or dialler(endpoint, self._timeouts)
        self._open: Holders = set()
        self._idle: list[socket.socket] = []

    def send(self, request: Request) -> HeldResponse:
        """Send a request; see `transport.base.Transport`."""
        sock = self._connection()
        return exchange(
            sock,
            request,
            self._endpoint,
            silence=self._timeouts.silence(request),
            keep=lambda: self._idle.append(sock),
            holders=self._open,
        )

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
