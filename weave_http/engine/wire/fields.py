"""The header fields of every request, whoever sends it."""

from __future__ import annotations

from weave_http import __version__
from weave_http.engine.address import Endpoint, bracketed
from weave_http.engine.wire.contract import Request

_ALWAYS = (
    ("User-Agent", f"weave-http/{__version__}"),
    # A proxy that compressed would break the framing of streams.
    ("Accept-Encoding", "identity"),
)
UPGRADE = (("Connection", "Upgrade"), ("Upgrade", "tcp"))


def _ascii(host: str) -> str:
    return host if host.isascii() else host.encode("idna").decode("ascii")


def fields_of(request: Request, endpoint: Endpoint) -> list[tuple[str, str]]:
    """Return a request's header fields: `Host`, its own, those that every request has, and its framing."""
    # A socket, also one behind ssh, has no name of its own.
    host = f"{bracketed(_ascii(endpoint.host))}:{endpoint.port}" if endpoint.scheme == "tcp" else "localhost"
    given = {name.lower() for name, _ in request.headers}
    fields = [("Host", host), *request.headers, *(pair for pair in _ALWAYS if pair[0].lower() not in given)]
    if request.is_upload:
        return [*fields, ("Transfer-Encoding", "chunked")]
    if request.body or request.method in ("POST", "PUT"):
        assert isinstance(request.body, bytes | None)
        fields.append(("Content-Length", str(len(request.body or b""))))
    return fields
