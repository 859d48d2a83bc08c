"""A transport that lets another one do the work and reports every exchange."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

from weave_http.engine.errors import TransportError
from weave_http.engine.wire.contract import Duplex, Request, Response, Transport
from weave_http.records import dataclass
from weave_http.transcript.conversation import Hear, OverheardDuplex, is_resident
from weave_http.transcript.overheard import Overheard

Begun = TypeVar("Begun", Response, Duplex)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and how it was answered.

    Args:
        request: what was sent.
        status: HTTP status, or None when no response came.
        seconds: from sending until the response's head was there, or None when nothing was sent.
        failure: why no response came, or empty.
    """

    request: Request
    status: int | None
    seconds: float | None
    failure: str = ""


SHORT = 500
"""Bytes of an answer that is worth showing: an id, an exit code, a reason; not all that is known of an image."""


@dataclass(frozen=True, slots=True)
class ShortAnswer:
    """What a daemon said in a body.

    Args:
        request: what was asked.
        document: the JSON of the answer.
    """

    request: Request
    document: Any


class Watch(Transport):
    """Passes requests on and reports each exchange as soon as the response's head is there.

    Args:
        inner: the transport that does the work.
        report: takes each exchange; called in the thread that sent it.
        answered: takes the bodies of answers that are short and JSON, each when it was read.
        hear: takes the frames between caller and resident executor.
    """

    def __init__(
        self,
        inner: Transport,
        report: Callable[[Exchange], None],
        answered: Callable[[ShortAnswer], None] | None = None,
        hear: Hear | None = None,
    ) -> None:
        self._hear = hear
        self._inner = inner
        self._report = report
        self._answered = answered

    def send(self, request: Request) -> Response:
        """Pass a request on; see `Transport.send`."""
        response = self._watched(request, self._inner.send)
        if self._answered is None or "json" not in response.headers.get("content-type", ""):
            return response
        listener = _Listener(request, self._answered)
        return Overheard(response, listener.hear, listener.end)

    def hijack(self, request: Request) -> Duplex:
        """Pass a request on; see `Transport.hijack`."""
        duplex = self._watched(request, self._inner.hijack)
        return OverheardDuplex(duplex, self._hear) if self._hear and is_resident(request) else duplex

    def _watched(self, request: Request, act: Callable[[Request], Begun]) -> Begun:
        start = time.perf_counter()
        try:
            response = act(request)
        except TransportError as error:
            self._report(Exchange(request, None, time.perf_counter() - start, failure=error.message))
            raise
        self._report(Exchange(request, response.status, time.perf_counter() - start))
        return response

    def close(self) -> None:
        """Close the inner transport."""
        self._inner.close()


class _Listener:
    """Reports the body of an answer when it was read to its end, if it is short and one JSON document."""

    def __init__(self, request: Request, answered: Callable[[ShortAnswer], None]) -> None:
        self._request = request
        self._answered = answered
        self._heard = b""

    def hear(self, piece: bytes) -> None:
        self._heard = (self._heard + piece)[: SHORT + 1]

    def end(self) -> None:
        heard, self._heard = self._heard, b""
        if not heard or len(heard) > SHORT:
            return
        try:
            document = json.loads(heard)
        except ValueError:
            return  # a stream of many, or no JSON at all
        self._answered(ShortAnswer(self._request, document))
