"""From an endpoint to a client of the daemon there: which adapter carries the requests, and when it is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from weave_http import constants
from weave_http.engine.client import Engine
from weave_http.engine.endpoint import Endpoint
from weave_http.engine.wire.base import Concurrent, Duplex, Hijacker, Request, Response, Transport

if TYPE_CHECKING:
    from weave_http.engine.credentials import FindCredentials


class Adapter(Transport, Concurrent, Hijacker, Protocol):
    """What carries requests to one kind of endpoint, with all that there is to a connection."""


class LazyTransport:
    """Opens the adapter of an endpoint when the first request is sent, so that nothing is imported without need.

    Args:
        endpoint: where to connect.
        open_transport: makes the adapter.
    """

    def __init__(self, endpoint: Endpoint, open_transport: Callable[[Endpoint], Adapter]) -> None:
        self._endpoint = endpoint
        self._open_transport = open_transport
        self._transport: Adapter | None = None

    def send(self, request: Request) -> Response:
        """See `transport.base.Transport`."""
        return self._opened().send(request)

    def send_all(self, requests: Sequence[Request]) -> Sequence[Response]:
        """See `transport.base.Concurrent`."""
        return self._opened().send_all(requests)

    def hijack(self, request: Request) -> Duplex:
        """See `transport.base.Hijacker`."""
        return self._opened().hijack(request)

    def _opened(self) -> Adapter:
        if self._transport is None:
            self._transport = self._open_transport(self._endpoint)
        return self._transport

    def close(self) -> None:
        """See `transport.base.Transport`."""
        if self._transport is not None:
            self._transport.close()


def open_transport(endpoint: Endpoint) -> Adapter:
    """Return the adapter for an endpoint: requests-unixsocket for `unix://` and `ssh://`, httpx for `tcp://`.

    Raises:
        EndpointError: its TLS files can't be used.
    """
    if endpoint.scheme == "unix":
        from weave_http.engine.wire.unix import UnixTransport

        return UnixTransport(endpoint)
    if endpoint.scheme == "ssh":
        from weave_http.engine.wire.ssh import SSHTransport

        return SSHTransport(endpoint)
    from weave_http.engine.wire.tcp import TCPTransport

    return TCPTransport(endpoint)


def open_plain_transport(endpoint: Endpoint) -> Adapter:
    """Return the adapter that needs the standard library alone; it speaks no TLS."""
    from weave_http.engine.wire.plain import PlainTransport

    return PlainTransport(endpoint)


def connect(
    endpoint: Endpoint,
    *,
    watch: Callable[[Transport], Transport] | None = None,
    credentials: FindCredentials = lambda _registry: None,
) -> Engine:
    """Return the client of a daemon. Nothing is sent, nor a transport imported, before the first call.

    Args:
        endpoint: from `resolve_endpoint`.
        watch: wraps or replaces the transport, to see what is said.
        credentials: finds the credentials for a registry: `docker_credentials(os.environ)`.
    """
    transport: Transport = LazyTransport(endpoint, open_transport)
    return Engine(
        watch(transport) if watch else transport,
        where=str(endpoint),
        api_version=endpoint.api_version,
        credentials=credentials,
    )


def local_engine(socket: str = constants.DOCKER_SOCKET) -> Engine:
    """Return the client of the host's own daemon, for the executor and the router: standard library only.

    Args:
        socket: path of its unix socket.
    """
    endpoint = Endpoint("unix", path=socket, source="mounted socket")
    return Engine(LazyTransport(endpoint, open_plain_transport), where=str(endpoint))
