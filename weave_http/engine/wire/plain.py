"""Unix sockets and plain TCP with little more than a socket, for the image, where start-up time counts."""

from __future__ import annotations

import select
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING

from weave_http.engine.endpoint import Endpoint
from weave_http.engine.errors import EndpointError
from weave_http.engine.wire.base import Request
from weave_http.engine.wire.common import Timeouts
from weave_http.engine.wire.exchange import Link, exchange, exchange_all
from weave_http.engine.wire.held import HeldResponse, Holders, close_all
from weave_http.engine.wire.sockets import Dial, dialler

if TYPE_CHECKING:
    from weave_http.engine.wire.hijack import SocketDuplex

_DIALLING = 16
"""Connections that are opened at the same time."""


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
        return exchange(self._link(self._connection()), request, self._endpoint, self._timeouts, self._open)

    def send_all(self, requests: Sequence[Request]) -> list[HeldResponse]:
        """Send requests at once; see `transport.base.Concurrent`."""
        links = map(self._link, self._connections(len(requests)))
        return exchange_all(links, requests, self._endpoint, self._timeouts, self._open)

    def hijack(self, request: Request) -> SocketDuplex:
        """Send a request and take its connection over; see `transport.base.Hijacker`."""
        from weave_http.engine.wire.hijack import hijack

        return hijack(request, self._endpoint, self._timeouts, self._dial, self._open)

    def _link(self, sock: socket.socket) -> Link:
        return Link(sock, lambda: self._idle.append(sock))

    def _connection(self) -> socket.socket:
        """Return an idle connection that is still alive, or a new one."""
        return self._idle_connection() or self._new_connection()

    def _connections(self, number: int) -> list[socket.socket]:
        """Return so many connections; opening one, with TLS's handshake, takes a while, so none waits for another."""
        found = [sock for sock in (self._idle_connection() for _ in range(min(number, len(self._idle)))) if sock]
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(_DIALLING) as threads:
            dialled = [threads.submit(self._new_connection) for _ in range(number - len(found))]
        failures = [error for future in dialled if (error := future.exception())]
        found += (future.result() for future in dialled if not future.exception())
        if not failures:
            return found
        for sock in found:
            sock.close()
        raise failures[0]

    def _idle_connection(self) -> socket.socket | None:
        while self._idle:
            sock = self._idle.pop()
            # An idle connection has nothing to say but that its other end is gone.
            if not select.select([sock], [], [], 0)[0]:
                return sock
            sock.close()
        return None

    def _new_connection(self) -> socket.socket:
        try:
            return self._dial()
        except OSError as error:
            # Imported late: it knows of TLS, and importing that takes 20 ms.
            from weave_http.engine.wire.failures import connect_failure

            raise connect_failure(error, self._endpoint, self._timeouts.connect) from error

    def close(self) -> None:
        """Close all connections."""
        close_all(self._open)
        while self._idle:
            self._idle.pop().close()
