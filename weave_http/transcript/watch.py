"""A transport that lets another one do the work and reports every exchange."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from weave_http.engine.errors import TransportError
from weave_http.engine.transport.base import Request, Response, Transport


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and how it was answered.

    Args:
        request: what was sent.
        status: HTTP status, or None when no answer came.
        seconds: from sending until the answer's head was there, or None when nothing was sent.
        failure: why no answer came, or empty.
    """

    request: Request
    status: int | None
    seconds: float | None
    failure: str = ""


class Watch:
    """Passes requests on and reports each exchange as soon as the answer's head is there.

    Args:
        inner: the transport that does the work.
        report: takes each exchange; called in the thread that sent it.
    """

    def __init__(self, inner: Transport, report: Callable[[Exchange], None]) -> None:
        self._inner = inner
        self._report = report

    def send(self, request: Request) -> Response:
        """Pass a request on; see `Transport.send`."""
        start = time.perf_counter()
        try:
            response = self._inner.send(request)
        except TransportError as error:
            self._report(Exchange(request, None, time.perf_counter() - start, failure=error.message))
            raise
        self._report(Exchange(request, response.status, time.perf_counter() - start))
        return response

    def close(self) -> None:
        """Close the inner transport."""
        self._inner.close()
