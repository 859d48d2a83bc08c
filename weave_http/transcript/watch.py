"""A transport that lets another one do the work and reports every exchange."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from weave_http.engine.errors import ProtocolError, TransportError
from weave_http.engine.transport.base import Duplex, Hijacker, Request, Response, Transport

Answered = TypeVar("Answered", Response, Duplex)


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
        return self._watched(request, self._inner.send)

    def hijack(self, request: Request) -> Duplex:
        """Pass a request on; see `Hijacker.hijack`."""
        if not isinstance(self._inner, Hijacker):
            raise ProtocolError(f"{request.call} needs a connection of its own, which this transport can't give")
        return self._watched(request, self._inner.hijack)

    def _watched(self, request: Request, act: Callable[[Request], Answered]) -> Answered:
        start = time.perf_counter()
        try:
            answer = act(request)
        except TransportError as error:
            self._report(Exchange(request, None, time.perf_counter() - start, failure=error.message))
            raise
        self._report(Exchange(request, answer.status, time.perf_counter() - start))
        return answer

    def close(self) -> None:
        """Close the inner transport."""
        self._inner.close()
