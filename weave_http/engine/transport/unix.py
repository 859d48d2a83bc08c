"""Unix sockets, by requests-unixsocket.

Its adapter keys the connection pool on the whole URL, so that every route would open a connection of its own; the
subclass here keeps one pool for the one socket. The session layer of requests is left out: redirects, cookies, proxies
and environment variables have no place on the way to a daemon.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import requests
import urllib3
from requests_unixsocket.adapters import UnixAdapter, UnixHTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

from weave_http.engine.endpoint import Endpoint
from weave_http.engine.transport.base import Request
from weave_http.engine.transport.common import Timeouts, header_fields, raising_source_errors, upload
from weave_http.engine.transport.failures import connect_failure, exchange_failure
from weave_http.engine.transport.held import HeldResponse, Holders, close_all
from weave_http.engine.transport.hijack import SocketDuplex, hijack
from weave_http.engine.transport.sockets import Dial, dialler

_ORIGIN = "http+unix://localhost"
_PIECE = 65536
_POOL_SIZE = 256
"""Idle connections kept; beyond it urllib3 closes them and logs a warning for each."""


class _Connection(UnixHTTPConnection):  # type: ignore[misc]  # the package has no types
    """A connection that has a time-out of its own for connecting and leaks no socket when that fails."""

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
        self.sock.settimeout(self.timeout)


class _Pool(HTTPConnectionPool):
    def __init__(self, endpoint: Endpoint, timeouts: Timeouts, dial: Dial) -> None:
        super().__init__("localhost", maxsize=_POOL_SIZE)
        self._endpoint = endpoint
        self._timeouts = timeouts
        self._dial = dial

    def _new_conn(self) -> Any:
        return _Connection(self._endpoint, self._timeouts, self._dial)


class _Adapter(UnixAdapter):  # type: ignore[misc]  # the package has no types
    """One pool, whatever the URL."""

    def __init__(self, endpoint: Endpoint, timeouts: Timeouts, dial: Dial) -> None:
        super().__init__()
        self._pool = _Pool(endpoint, timeouts, dial)

    def get_connection_with_tls_context(self, *_args: Any, **_options: Any) -> HTTPConnectionPool:
        return self._pool

    def close(self) -> None:
        self._pool.close()
        super().close()


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
        self._adapter = _Adapter(endpoint, self._timeouts, self._dial)

    def send(self, request: Request) -> HeldResponse:
        """Send a request; see `transport.base.Transport`."""
        body = request.body
        prepared = requests.Request(
            request.method,
            _ORIGIN + request.target,
            headers=dict(header_fields(request)),
            data=body if body is None or isinstance(body, bytes) else upload(body),
        ).prepare()
        silence = self._timeouts.silence(request)
        try:
            with raising_source_errors():
                raw = self._adapter.send(prepared, stream=True, timeout=(silence, silence)).raw
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise exchange_failure(error, self._endpoint, request, answered=False, timeout=silence) from error
        headers = {name.lower(): value for name, value in raw.headers.items()}
        return HeldResponse(raw.status, headers, _UnixBody(raw, self._endpoint, request, silence), self._open)

    def hijack(self, request: Request) -> SocketDuplex:
        """Send a request and take its connection over; see `transport.base.Hijacker`."""
        return hijack(request, self._endpoint, self._timeouts, self._dial, self._open)

    def close(self) -> None:
        """Close all connections."""
        close_all(self._open)
        self._adapter.close()


class _UnixBody:
    def __init__(self, raw: urllib3.HTTPResponse, endpoint: Endpoint, request: Request, silence: float | None) -> None:
        self._raw = raw
        self._endpoint = endpoint
        self._request = request
        self._silence = silence

    def pull(self) -> bytes:
        try:
            return self._raw.read1(_PIECE, decode_content=False) or b""
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise exchange_failure(
                error, self._endpoint, self._request, answered=True, timeout=self._silence
            ) from error

    def give_back(self) -> None:
        self._raw.release_conn()

    def drop(self) -> None:
        self._raw.close()
