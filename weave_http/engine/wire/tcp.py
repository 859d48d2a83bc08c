"""TCP, with TLS or without, by httpx.

Only httpx's transport layer is used: its client would add redirects, cookies and proxy variables, none of which belong
on the way to a daemon. All that touches httpx is in this module, so that a successor is a matter of one import line.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import httpx

from weave_http.engine.endpoint import Endpoint, bracketed
from weave_http.engine.errors import EndpointError, TransportError
from weave_http.engine.wire.base import Patience, Request
from weave_http.engine.wire.common import (
    Timeouts,
    header_fields,
    host_field,
    keepalive_options,
)
from weave_http.engine.wire.failures import connect_failure, exchange_failure, too_large
from weave_http.engine.wire.held import HeldResponse, Holders, close_all
from weave_http.engine.wire.hijack import SocketDuplex, hijack
from weave_http.engine.wire.plain import PlainTransport
from weave_http.engine.wire.sockets import dialler
from weave_http.engine.wire.tls import tls_context

_NO_BODY = frozenset({204, 304})
_IDLE_SECONDS = 60.0
"""Idle connections older than this are not used again: a NAT between may have forgotten them."""


@dataclass(frozen=True, slots=True)
class _URL:
    """What httpx's transport reads of an `httpx.URL`, which takes a fourth of a short call's time to make."""

    raw_scheme: bytes
    raw_host: bytes
    port: int
    raw_path: bytes


@dataclass(frozen=True, slots=True)
class _Fields:
    """What it reads of `httpx.Headers`."""

    raw: list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class _Outgoing:
    """What it reads of an `httpx.Request`."""

    method: str
    url: _URL
    headers: _Fields
    stream: httpx.SyncByteStream
    extensions: Mapping[str, Any]


class TCPTransport:
    """Implements `transport.base.Transport` for `tcp://` endpoints.

    Args:
        endpoint: host, port and TLS settings.
        timeouts: how long to wait for what.

    Raises:
        EndpointError: the TLS files can't be used.
    """

    def __init__(self, endpoint: Endpoint, timeouts: Timeouts | None = None) -> None:
        self._endpoint = endpoint
        self._timeouts = timeouts or Timeouts()
        self._open: Holders = set()
        self._context = tls_context(endpoint)
        try:
            # Says whether the address is one, and how it is written on the wire.
            url = httpx.URL(f"{'https' if endpoint.tls else 'http'}://{bracketed(endpoint.host)}:{endpoint.port}")
            endpoint.host.encode("idna")  # as for looking it up
            endpoint.base_path.encode("ascii")
            host_field(endpoint)[1].encode("latin-1")
        except (httpx.InvalidURL, UnicodeError) as error:
            raise EndpointError(f"{endpoint} is no address that can be connected to: {error}") from error
        self._scheme, self._host = url.raw_scheme, url.raw_host
        # By our own exchange, on a connection beside httpx's, go short calls, because its parser takes most of their
        # time and it has no time-out for the whole, and uploads, because it looks for no answer in their midst.
        self._direct = PlainTransport(endpoint, self._timeouts, self._connect)
        self._http = httpx.HTTPTransport(
            verify=self._context,
            trust_env=False,
            limits=httpx.Limits(keepalive_expiry=_IDLE_SECONDS),
            socket_options=keepalive_options(self._timeouts.probe),
        )

    def send(self, request: Request) -> HeldResponse:
        """Send a request; see `transport.base.Transport`."""
        if request.patience is Patience.QUICK or not isinstance(request.body, bytes | None):
            return self._direct.send(request)
        outgoing = self._outgoing(request, request.body or b"")
        try:
            response = self._http.handle_request(cast(httpx.Request, outgoing))
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise connect_failure(error, self._endpoint, self._timeouts.connect) from error
        except httpx.HTTPError as error:
            raise exchange_failure(error, self._endpoint, request, answered=False, timeout=None) from error
        return HeldResponse(
            response.status_code,
            dict(response.headers.items()),  # lower case already
            _TCPBody(response, self._endpoint, request),
            self._open,
        )

    def send_all(self, requests: Sequence[Request]) -> list[HeldResponse]:
        """Send requests at once, by our own exchange; see `transport.base.Concurrent`."""
        return self._direct.send_all(requests)

    def _outgoing(self, request: Request, body: bytes) -> _Outgoing:
        fields = [host_field(self._endpoint), *header_fields(request)]
        if body or request.method in ("POST", "PUT"):
            fields.append(("Content-Length", str(len(body))))
        return _Outgoing(
            request.method,
            _URL(
                self._scheme,
                self._host,
                self._endpoint.port,
                (self._endpoint.base_path + request.target).encode("ascii"),
            ),
            _Fields([(name.encode("ascii"), value.encode("latin-1")) for name, value in fields]),
            httpx.ByteStream(body),
            {"timeout": {"connect": self._timeouts.connect, "read": None, "write": None, "pool": None}},
        )

    def _connect(self) -> socket.socket:
        """Open a connection of our own, with TLS if it is to be."""
        sock = dialler(self._endpoint, self._timeouts)()
        if not self._endpoint.tls:
            return sock
        try:
            sock.settimeout(self._timeouts.connect)
            return self._context.wrap_socket(sock, server_hostname=self._endpoint.host)
        except BaseException:
            sock.close()
            raise

    def hijack(self, request: Request) -> SocketDuplex:
        """Send a request and take its connection over; see `transport.base.Hijacker`."""
        context = self._context if self._endpoint.tls else None
        dial = dialler(self._endpoint, self._timeouts)
        return hijack(request, self._endpoint, self._timeouts, dial, self._open, context)

    def close(self) -> None:
        """Close all connections."""
        close_all(self._open)
        self._direct.close()
        self._http.close()


class _TCPBody:
    def __init__(self, response: httpx.Response, endpoint: Endpoint, request: Request) -> None:
        self._response = response
        # Its own `iter_raw` keeps books on the request, which is none of httpx's.
        self._pieces = iter(cast(httpx.SyncByteStream, response.stream))
        self._endpoint = endpoint
        self._request = request

    def pull(self) -> bytes:
        try:
            return next((piece for piece in self._pieces if piece), b"")
        except (httpx.HTTPError, OSError, ValueError) as error:
            raise exchange_failure(error, self._endpoint, self._request, answered=True, timeout=None) from error

    def give_back(self) -> None:
        # httpcore knows by itself whether the body was read, and keeps or closes the connection accordingly; but one
        # whose body ended by the end of its TLS stream (attach) it takes for idle until the TCP connection ends too.
        framed = {"content-length", "transfer-encoding"} & self._response.headers.keys()
        if not framed and self._response.status_code not in _NO_BODY:
            self._response.extensions["network_stream"].close()
        self._response.close()

    def drop(self) -> None:
        self._response.close()

    def too_large(self, limit: int) -> TransportError:
        return too_large(self._endpoint, self._request, limit)
