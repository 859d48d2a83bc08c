"""What all adapters do alike: time-outs, and the header fields of every request."""

from __future__ import annotations

from dataclasses import dataclass

from weave_http import __version__
from weave_http.engine.endpoint import Endpoint, bracketed
from weave_http.engine.wire.base import Patience, Request

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
        whole: for all of a `Patience.QUICK` call, to the last byte of its answer.
        probe: idle time after which TCP keep-alive probes the peer, also on `Patience.LONG` calls.
    """

    connect: float = 10.0
    quick: float = 60.0
    whole: float = 300.0
    probe: int = 30

    def silence(self, request: Request) -> float | None:
        """Return how long the daemon may be silent during a request; None for any time."""
        return self.quick if request.patience is Patience.QUICK else None

    def limit(self, request: Request) -> float | None:
        """Return how long a request and its answer may take together; None for any time."""
        return self.whole if request.patience is Patience.QUICK else None


def host_field(endpoint: Endpoint) -> tuple[str, str]:
    """Return the `Host` field; a socket, also one behind ssh, has no name of its own."""
    return "Host", f"{bracketed(endpoint.host)}:{endpoint.port}" if endpoint.scheme == "tcp" else "localhost"


def header_fields(request: Request) -> list[tuple[str, str]]:
    """Return the request's header fields and those that every request has."""
    given = {name.lower() for name, _ in request.headers}
    return [*request.headers, *((name, value) for name, value in _ALWAYS if name.lower() not in given)]


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
