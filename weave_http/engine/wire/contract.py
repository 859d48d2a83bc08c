"""The whole contract between the Engine API client and what carries its requests.

A transport turns a `Request` into a `Response` and raises `weave_http.engine.errors.TransportError` when it can't. It
knows no route, follows no redirect, and reads no proxy variable.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from types import TracebackType

from weave_http.engine.errors import ProtocolError
from weave_http.hints import Protocol, Self
from weave_http.records import dataclass


class Patience(Enum):
    """How long a request may take."""

    QUICK = "quick"
    """A healthy daemon answers at once: 60 s of silence at most, 300 s in all."""
    SHORT = "short"
    """There is another way if it is not answered at once: 2 s of silence at most."""
    LONG = "long"
    """Work of unknown length (create, start, stop, remove, pull, load): silent for as long as it likes."""
    STREAM = "stream"
    """As LONG, and the body is followed while it comes: attach, logs, events, wait."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait, in seconds.

    Args:
        connect: for a connection, TLS handshake included.
        quick: between two bytes of a `Patience.QUICK` request.
        short: between two bytes of a `Patience.SHORT` request.
        whole: for all of a `Patience.QUICK` request, to the last byte of its response.
        probe: idle time after which TCP keep-alive probes the peer, whatever the patience.
    """

    connect: float = 10.0
    quick: float = 60.0
    short: float = 2.0
    whole: float = 300.0
    probe: int = 30

    def silence(self, request: Request) -> float | None:
        """Return how long the daemon may be silent during a request; None for any time."""
        return {Patience.QUICK: self.quick, Patience.SHORT: self.short}.get(request.patience)

    def limit(self, request: Request) -> float | None:
        """Return how long a request and its response may take together; None for any time."""
        return self.whole if request.patience is Patience.QUICK else None


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request.

    Args:
        method: `GET`, `POST`, …
        path: absolute path with the version in it, percent-encoded: `/v1.41/containers/create`. What the endpoint
            wants before it (`Endpoint.base_path`) is the transport's.
        query: pairs in the order in which they are sent, not encoded.
        headers: pairs; `Host` and framing are the transport's.
        body: nothing, all of it, or chunks (sent with chunked encoding).
        patience: how long it may take.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | Iterable[bytes] | None = None
    patience: Patience = Patience.QUICK

    @property
    def target(self) -> str:
        """Path and encoded query, as they stand in the request line (after the endpoint's base path)."""
        if not self.query:
            return self.path
        from urllib.parse import urlencode

        return f"{self.path}?{urlencode(self.query)}"

    @property
    def call(self) -> str:
        """Method and path without the version, for messages: `POST /containers/create`."""
        head, _, rest = self.path.removeprefix("/").partition("/")
        versioned = head.startswith("v1.") and rest
        return f"{self.method} /{rest}" if versioned else f"{self.method} {self.path}"

    @property
    def is_upload(self) -> bool:
        """Whether the body comes in chunks."""
        return not isinstance(self.body, bytes | None)

    @property
    def is_repeatable(self) -> bool:
        """Whether sending it twice has the effect of sending it once: Go's net/http counts the same four methods."""
        return self.method in ("GET", "HEAD", "OPTIONS", "TRACE") and self.body is None


class Response(Protocol):
    """The response to a `Request`; its connection is held until `close`, so use it with `with`."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Header fields; names in lower case."""
        ...

    def chunks(self) -> Iterator[bytes]:
        """Yield the body as it arrives, never empty chunks; raises `TransportError` if it breaks off."""
        ...

    def read(self) -> bytes:
        """Return what is left of the body; raises `TransportError` if it breaks off or is larger than 64 MiB."""
        ...

    def close(self) -> None:
        """Give the connection back, or drop it when the body was not read to its end. Idempotent."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Duplex(Protocol):
    """A connection that carries bytes both ways after a response's head; nothing in it waits.

    To wait, poll `fileno` once `receive` has returned None: for reading, and for writing while there is `unsent`.
    """

    @property
    def status(self) -> int:
        """101 as a rule; 200 from daemons that switch without saying so; with 300 or more what comes is the reason."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Header fields; names in lower case."""
        ...

    @property
    def unsent(self) -> int:
        """Bytes that were written and not yet taken by the connection."""
        ...

    def fileno(self) -> int: ...

    def write(self, data: bytes) -> None:
        """Send bytes: what the connection takes at once now, the rest while `receive` is called."""
        ...

    def half_close(self) -> None:
        """Say that nothing more will be written; what comes is still received. Idempotent."""
        ...

    def receive(self) -> bytes | None:
        """Return what has come, `b""` at the end, None if nothing has come yet; raises `TransportError`."""
        ...

    def close(self) -> None:
        """Close the connection. Idempotent."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Transport(Protocol):
    """Carries requests to one endpoint. Several responses may be open at once, each on a connection of its own."""

    def send(self, request: Request) -> Response:
        """Send a request and return as soon as the response's head is there.

        Raises:
            TransportError: no usable response.
        """
        ...

    def send_all(self, requests: Sequence[Request]) -> Sequence[Response]:
        """Send requests, each on a connection of its own, and return when the heads of all responses are there.

        What inherits this sends one after the other; the wire sends all before it waits.

        Args:
            requests: without a body, or with all of it.

        Raises:
            TransportError: one of them has no usable response; the others' connections are closed.
        """
        with contextlib.ExitStack() as on_failure:
            responses = [on_failure.enter_context(self.send(request)) for request in requests]
            on_failure.pop_all()
            return responses

    def hijack(self, request: Request) -> Duplex:
        """Send a request with `Connection: Upgrade`, and return its connection when the response's head is there.

        Args:
            request: without a body, or with all of it.

        What inherits this has no connection to give.

        Raises:
            TransportError: no usable response.
        """
        raise ProtocolError(f"{request.call} needs a connection of its own, and there is none here")

    def close(self) -> None:
        """Close all connections. Idempotent."""
        ...
