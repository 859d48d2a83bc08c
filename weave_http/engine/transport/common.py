"""What all adapters do alike: time-outs, the header fields of every request, and uploads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from weave_http import __version__
from weave_http.engine.endpoint import Endpoint, bracketed
from weave_http.engine.transport.base import Patience, Request

_ALWAYS = (
    ("User-Agent", f"weave-http/{__version__}"),
    # A proxy that compressed would break the framing of streams.
    ("Accept-Encoding", "identity"),
)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait, in seconds.

    Args:
        connect: for a connection, TLS handshake included.
        quick: between two bytes of a `Patience.QUICK` call.
        probe: idle time after which TCP keep-alive probes the peer, also on `Patience.LONG` calls.
    """

    connect: float = 10.0
    quick: float = 60.0
    probe: int = 30

    def silence(self, request: Request) -> float | None:
        """Return how long the daemon may be silent during a request; None for any time."""
        return self.quick if request.patience is Patience.QUICK else None


def host_field(endpoint: Endpoint) -> tuple[str, str]:
    """Return the `Host` field; a socket, also one behind ssh, has no name of its own."""
    return "Host", f"{bracketed(endpoint.host)}:{endpoint.port}" if endpoint.scheme == "tcp" else "localhost"


def header_fields(request: Request) -> list[tuple[str, str]]:
    """Return the request's header fields and those that every request has."""
    given = {name.lower() for name, _ in request.headers}
    return [*request.headers, *((name, value) for name, value in _ALWAYS if name.lower() not in given)]


class _SourceFailed(Exception):
    """Carries what the source of an upload raised through a library, which would take it for its own."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


def upload(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield chunks for a library to send; to be used within `raising_source_errors`."""
    try:
        # An empty chunk would be the end of a chunked body.
        yield from (chunk for chunk in chunks if chunk)
    except Exception as error:
        raise _SourceFailed(error) from error


@contextmanager
def raising_source_errors() -> Iterator[None]:
    """Raise what the source of an upload raised as it was: an `OSError` of a file is no failure of the connection."""
    try:
        yield
        return
    except _SourceFailed as failure:
        error = failure.error
    raise error


def keepalive_options(idle: int) -> list[tuple[int, int, int]]:
    """Return socket options by which a peer that is gone without a word is found out.

    Args:
        idle: seconds of silence before the first probe; four unanswered ones, 10 s apart, end the connection.
    """
    import socket

    return [
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, idle),
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4),
    ]
