"""The whole contract between the Engine API client and whatever carries its requests.

An adapter turns a `Request` into a `Response` and raises `weave_http.engine.errors.TransportError` when it can't.
It knows no route, follows no redirect, retries nothing, and reads no proxy variable.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Protocol, Self, runtime_checkable


class Patience(Enum):
    """How long a call may be silent."""

    QUICK = "quick"
    """Answered at once by a healthy daemon: time-out of 60 s between bytes, and of 300 s for all of them."""
    LONG = "long"
    """A stream, a wait, or work of unknown length (create, start, stop, remove, pull, load): silent for as long as it
    likes; TCP keep-alive finds a dead peer."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request.

    Args:
        method: `GET`, `POST`, …
        path: absolute path with the version in it, percent-encoded: `/v1.41/containers/create`. What the endpoint
            wants before it (`Endpoint.base_path`) is the adapter's.
        query: pairs in the order in which they are sent, not encoded.
        headers: pairs; `Host` and framing are the adapter's.
        body: nothing, all of it, or chunks (sent with chunked encoding).
        patience: how long the daemon may be silent.
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


class Response(Protocol):
    """The answer to a `Request`; its connection is held until `close`, so use it with `with`."""

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
    """A connection that carries bytes both ways after the head of an answer; nothing in it waits.

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
        """Send a request and return as soon as the answer's head is there.

        Raises:
            TransportError: no usable answer.
        """
        ...

    def close(self) -> None:
        """Close all connections. Idempotent."""
        ...


@runtime_checkable
class Concurrent(Protocol):
    """A transport that can also send many requests without one waiting for another: for many waits."""

    def send_all(self, requests: Sequence[Request]) -> Sequence[Response]:
        """Send requests, each on a connection of its own, and return as soon as the heads of all answers are there.

        Args:
            requests: without a body, or with all of it.

        Raises:
            TransportError: one of them has no usable answer; the others' connections are closed.
        """
        ...


@runtime_checkable
class Hijacker(Protocol):
    """A transport that can also hand over a connection: for containers that are written to."""

    def hijack(self, request: Request) -> Duplex:
        """Send a request with `Connection: Upgrade`, and return its connection as soon as the answer's head is there.

        Raises:
            TransportError: no usable answer.
        """
        ...
