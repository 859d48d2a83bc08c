"""TCP, with TLS or without, by httpx: for requests with an answer, see `packages`.

Its transport is used, which is documented for that: its client would add redirects, cookies and proxy variables, none
of which belong on the way to a daemon. All that touches httpx is here, so that a successor is a matter of one line.
"""

from __future__ import annotations

from collections.abc import Iterator

import httpx

from weave_http.engine.address import Endpoint
from weave_http.engine.errors import EndpointError
from weave_http.engine.wire.contract import Request, Timeouts
from weave_http.engine.wire.dial import check_writable, keepalive_options
from weave_http.engine.wire.fields import fields_of
from weave_http.engine.wire.packages import Opened, PackageTransport
from weave_http.engine.wire.pool import IDLE_SECONDS
from weave_http.engine.wire.tls import tls_context


class HttpxTransport(PackageTransport):
    """Sends requests to `tcp://` endpoints.

    Args:
        endpoint: host, port and TLS settings.
        timeouts: how long to wait for what.

    Raises:
        EndpointError: the TLS files or the address can't be used.
    """

    errors = (httpx.HTTPError, OSError, ValueError)

    def __init__(self, endpoint: Endpoint, timeouts: Timeouts | None = None) -> None:
        super().__init__(endpoint, timeouts)
        check_writable(endpoint)
        self._scheme = "https" if endpoint.tls else "http"
        try:
            httpx.URL(scheme=self._scheme, host=endpoint.host, port=endpoint.port)
        except httpx.InvalidURL as error:
            raise EndpointError(f"{endpoint} is no address that can be connected to: {error}") from error
        self._http = httpx.HTTPTransport(
            verify=tls_context(endpoint),
            trust_env=False,
            limits=httpx.Limits(keepalive_expiry=IDLE_SECONDS),
            socket_options=keepalive_options(self._timeouts.probe),
        )

    def _ask(self, request: Request) -> Opened:
        assert isinstance(request.body, bytes | None)
        fields = fields_of(request, self._endpoint)
        silence = self._timeouts.silence(request)
        timeout = {"connect": self._timeouts.connect, "read": silence, "write": silence, "pool": None}
        outgoing = httpx.Request(
            request.method,
            httpx.URL(
                scheme=self._scheme,
                host=self._endpoint.host,
                port=self._endpoint.port,
                raw_path=(self._endpoint.base_path + request.target).encode("ascii"),
            ),
            headers=[(name.encode("ascii"), value.encode("latin-1")) for name, value in fields],
            content=request.body,
            extensions={"timeout": timeout},
        )
        response = self._http.handle_request(outgoing)
        return Opened(response.status_code, dict(response.headers.items()), _pieces(response), response.close)

    def _is_unconnected(self, error: Exception, root: Exception) -> bool:
        return isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)

    def _finish(self) -> None:
        self._http.close()


def _pieces(response: httpx.Response) -> Iterator[bytes]:
    # Its own `iter_raw` keeps books on a client's request.
    assert isinstance(response.stream, httpx.SyncByteStream)
    return (piece for piece in response.stream if piece)
