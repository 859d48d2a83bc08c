"""From an endpoint to a client of the daemon there: what carries which request, and when it is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from weave_http import constants
from weave_http.engine.address import Endpoint
from weave_http.engine.client import Engine
from weave_http.engine.wire.contract import Duplex, Patience, Request, Response, Timeouts, Transport
from weave_http.hints import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from weave_http.engine.credentials import FindCredentials
    from weave_http.engine.wire.packages import PackageTransport
    from weave_http.engine.wire.pool import WireTransport

Carrier = Literal["packages", "wire"]
"""Who carries requests with an answer."""


class RoutedTransport(Transport):
    """Sends each request the way that fits it; each way is imported and opened with its first request.

    * A request with an answer goes by a package: requests-unixsocket for `unix://`, httpx for `tcp://`.
    * A stream (attach, logs, events, wait, an upload, what is hijacked, many requests at once) goes by our own wire: it
      needs the connection itself. So does all that goes through ssh, and everything if the carrier is `wire`.

    Args:
        endpoint: where to connect.
        carrier: who carries requests with an answer.
        timeouts: how long to wait for what.
    """

    def __init__(self, endpoint: Endpoint, carrier: Carrier = "packages", timeouts: Timeouts | None = None) -> None:
        self._endpoint = endpoint
        self._timeouts = timeouts
        self._by_package = carrier == "packages" and endpoint.scheme != "ssh"
        self._package: PackageTransport | None = None
        self._wire: WireTransport | None = None

    def send(self, request: Request) -> Response:
        """See `contract.Transport`."""
        if self._by_package and not request.is_upload and request.patience is not Patience.STREAM:
            return self._package_transport().send(request)
        return self._wire_transport().send(request)

    def send_all(self, requests: Sequence[Request]) -> Sequence[Response]:
        """See `contract.Transport`."""
        return self._wire_transport().send_all(requests)

    def hijack(self, request: Request) -> Duplex:
        """See `contract.Transport`."""
        return self._wire_transport().hijack(request)

    def _package_transport(self) -> PackageTransport:
        if self._package is None:
            if self._endpoint.scheme == "unix":
                from weave_http.engine.wire.by_requests import RequestsTransport

                self._package = RequestsTransport(self._endpoint, self._timeouts)
            else:
                from weave_http.engine.wire.by_httpx import HttpxTransport

                self._package = HttpxTransport(self._endpoint, self._timeouts)
        return self._package

    def _wire_transport(self) -> WireTransport:
        if self._wire is None:
            from weave_http.engine.wire.pool import WireTransport

            self._wire = WireTransport(self._endpoint, self._timeouts)
        return self._wire

    def close(self) -> None:
        """See `contract.Transport`."""
        for way in (self._package, self._wire):
            if way is not None:
                way.close()


def connect(
    endpoint: Endpoint,
    *,
    transport: Carrier = "packages",
    watch: Callable[[Transport], Transport] | None = None,
    credentials: FindCredentials = lambda _registry: None,
) -> Engine:
    """Return the client of a daemon. Nothing is sent, nor a transport imported, before the first call.

    Args:
        endpoint: from `resolve_endpoint`.
        transport: `packages` lets requests-unixsocket and httpx carry requests with an answer; `wire` sends everything
            by our own wire, which takes half the time a call and a tenth to import.
        watch: wraps or replaces the transport, to see what is said.
        credentials: finds the credentials for a registry: `docker_credentials(os.environ)`.
    """
    routed: Transport = RoutedTransport(endpoint, transport)
    return Engine(
        watch(routed) if watch else routed,
        where=str(endpoint),
        api_version=endpoint.api_version,
        credentials=credentials,
    )


def local_engine(socket: str = constants.DOCKER_SOCKET) -> Engine:
    """Return the client of the host's own daemon, for the executor and the router: standard library only.

    Args:
        socket: path of its unix socket.
    """
    return connect(Endpoint("unix", path=socket, source="mounted socket"), transport="wire")
