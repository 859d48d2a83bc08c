"""Unix sockets by requests-unixsocket: for requests with an answer, see `packages`.

What it registers for `http+unix://` is taken from its session and given prepared requests; both are documented API of
requests. Sessions themselves would add cookies, redirects, `.netrc` and proxy variables, none of which belong on the
way to a daemon. It keeps a connection for each URL; 25 idle ones at most, which cost the daemon a few KiB each.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from urllib.parse import quote

import requests
import requests_unixsocket
import urllib3

from weave_http.engine.address import Endpoint
from weave_http.engine.wire.contract import Request, Timeouts
from weave_http.engine.wire.fields import fields_of
from weave_http.engine.wire.packages import Opened, PackageTransport

_PIECE = 65536


class RequestsTransport(PackageTransport):
    """Sends requests to `unix://` endpoints.

    Args:
        endpoint: the socket.
        timeouts: how long to wait for what.
    """

    errors = (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError)

    def __init__(self, endpoint: Endpoint, timeouts: Timeouts | None = None) -> None:
        super().__init__(endpoint, timeouts)
        # Dots as well: requests takes a host for invalid that begins with one.
        self._base = "http+unix://" + quote(os.fsencode(endpoint.path), safe="").replace(".", "%2E")
        self._adapter: requests.adapters.BaseAdapter = requests_unixsocket.Session().get_adapter(self._base)

    def _ask(self, request: Request) -> Opened:
        assert isinstance(request.body, bytes | None)
        prepared = requests.Request(
            request.method,
            self._base + request.target,
            headers=dict(fields_of(request, self._endpoint)),
            data=request.body,
        ).prepare()
        silence = self._timeouts.silence(request)
        connect = self._timeouts.connect
        timeout = (connect, None) if silence is None else (connect, silence)
        response = self._adapter.send(prepared, stream=True, timeout=timeout)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Opened(response.status_code, headers, _pieces(response), response.close)

    def _is_unconnected(self, error: Exception, root: Exception) -> bool:
        if isinstance(error, requests.ConnectTimeout):
            return True
        return isinstance(root, OSError) and not isinstance(
            root, TimeoutError | ConnectionResetError | BrokenPipeError | ConnectionAbortedError
        )

    def _finish(self) -> None:
        self._adapter.close()


def _pieces(response: requests.Response) -> Iterator[bytes]:
    # `iter_content` would wait until a piece is full.
    raw: urllib3.HTTPResponse = response.raw
    while piece := raw.read1(_PIECE):
        yield piece
