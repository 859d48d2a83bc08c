"""Unix sockets, by requests-unixsocket.

Of its adapter the connections are taken, and urllib3's pool that keeps them: the adapter's own pool is keyed on the
whole URL, so that every route would open a connection of its own. What is above that in requests (sessions, redirects,
cookies, proxies, environment variables) has no place on the way to a daemon, and takes three times as long as a short
call; the exchange is our own.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from requests_unixsocket.adapters import UnixHTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

from weave_http.engine.endpoint import Endpoint
from weave_http.engine.wire.base import Request
from weave_http.engine.wire.common import Timeouts
from weave_http.engine.wire.exchange import Link, exchange, exchange_all
from weave_http.engine.wire.failures import connect_failure
from weave_http.engine.wire.held import HeldResponse, Holders, close_all
from weave_http.engine.wire.hijack import SocketDuplex, hijack
from weave_http.engine.wire.sockets import Dial, dialler

_POOL_SIZE = 256
"""Idle connections kept; beyond it urllib3 closes them and logs a warning for each."""


class _Connection(UnixHTTPConnection):  # type: ignore[misc]  # the package has no types
    """A connection that has a time-out of its own for connecting and leaks no socket when that fails."""

    sock: socket.socket | None

    def __init__(self, endpoint: Endpoint, timeouts: Timeouts, dial: Dial) -> None:
        super().__init__("http+unix://" + quote(endpoint.path, safe=""))
        self._endpoint = endpoint
        self._connect_timeout = timeouts.connect
        self._dial = dial

    def connect(self) -> None:
        try:
            self.sock = self._dial()
        except OSError as error:
            raise connect_failure(error, self._endpoint, self._connect_timeout) from error

    def connected(self) -> socket.socket:
        """Return the socket, connected if it is not yet, or not any more."""
        if self.sock is None:
            self.connect()
        assert self.sock is not None
        return self.sock


class _Pool(HTTPConnectionPool):
    """Connections to one socket."""

    def __init__(self, endpoint: Endpoint, timeouts: Timeouts, dial: Dial) -> None:
        super().__init__("localhost", maxsize=_POOL_SIZE)
        self._endpoint = endpoint
        self._timeouts = timeouts
        self._dial = dial

    def _new_conn(self) -> Any:
        return _Connection(self._endpoint, self._timeouts, self._dial)

    def take(self) -> _Connection:
        """Return an idle connection, without its socket if that has died meanwhile, or a new one."""
        connection: Any = self._get_conn()
        assert isinstance(connection, _Connection)
        return connection

    def keep(self, connection: _Connection) -> None:
        """Take a connection back."""
        kept: Any = connection
        self._put_conn(kept)


class UnixTransport:
    """Implements `transport.base.Transport` for `unix://` endpoints.

    Args:
        endpoint: the socket.
        timeouts: how long to wait for what.
        dial: opens a connection; None to connect to the endpoint's path.
    """

    def __init__(self, endpoint: Endpoint, timeouts: Timeouts | None = None, dial: Dial | None = None) -> None:
        self._endpoint = endpoint
        self._timeouts = timeouts or Timeouts()
        self._dial = dial or dialler(endpoint, self._timeouts)
        self._open: Holders = set()
        self._pool = _Pool(endpoint, self._timeouts, self._dial)

    def send(self, request: Request) -> HeldResponse:
        """Send a request; see `transport.base.Transport`."""
        return exchange(self._link(), request, self._endpoint, self._timeouts, self._open)

    def send_all(self, requests: Sequence[Request]) -> list[HeldResponse]:
        """Send requests at once; see `transport.base.Concurrent`."""
        links = (self._link() for _ in requests)
        return exchange_all(links, requests, self._endpoint, self._timeouts, self._open)

    def _link(self) -> Link:
        connection = self._pool.take()
        return Link(connection.connected(), lambda: self._pool.keep(connection))

    def hijack(self, request: Request) -> SocketDuplex:
        """Send a request and take its connection over; see `transport.base.Hijacker`."""
        return hijack(request, self._endpoint, self._timeouts, self._dial, self._open)

    def close(self) -> None:
        """Close all connections."""
        close_all(self._open)
        self._pool.close()
