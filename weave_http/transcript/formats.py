"""A request in full: as a curl line that can be pasted, as HTTP, as a JSON object.

What is shown is what is sent, but for the header fields that every request has (`Host`, `User-Agent`,
`Accept-Encoding`, framing) and for secrets, which are masked unless asked for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from weave_http.engine.address import Endpoint, bracketed
from weave_http.engine.errors import EndpointError
from weave_http.engine.wire.contract import Request
from weave_http.transcript.masking import HEADERS, MASK, masked
from weave_http.transcript.quoting import json_text, one_line, sh_line
from weave_http.transcript.routes import UNKNOWN, route_of
from weave_http.transcript.watch import Exchange

LOCAL = "http://localhost"
"""What stands for the daemon in the URL where a unix socket leads to it."""


@runtime_checkable
class FromFile(Protocol):
    """An upload that comes out of a file."""

    @property
    def path(self) -> Any:
        """The file's path."""
        ...

    @property
    def platform(self) -> str:
        """What the image in it runs on, as `linux/amd64`; empty if it does not say."""
        ...


def file_of(request: Request) -> Path | None:
    """Return the file that a request's body comes from, if it comes from one."""
    return Path(request.body.path) if isinstance(request.body, FromFile) else None


def platform_of(request: Request) -> str:
    """Return what the image in a request's file runs on, as `linux/amd64`; empty if that is not known."""
    return request.body.platform if isinstance(request.body, FromFile) else ""


def document_of(request: Request) -> Any:
    """Return the JSON that a request carries, or None where its body is nothing, a stream, or something else."""
    if not isinstance(request.body, bytes) or not request.body:
        return None
    try:
        return json.loads(request.body)
    except ValueError:
        return None


def headers_of(request: Request, *, show_secrets: bool) -> list[tuple[str, str]]:
    """Return a request's own header fields."""
    return [(name, MASK if name.lower() in HEADERS and not show_secrets else value) for name, value in request.headers]


def body_text(request: Request, *, show_secrets: bool, indent: int | None = None) -> str:
    """Return a request's body as text: JSON with secrets masked, or a word in brackets about what it is."""
    if request.body is None:
        return ""
    if not isinstance(request.body, bytes):
        file = file_of(request)
        return f"(the file {one_line(str(file))})" if file else "(a stream)"
    document = document_of(request)
    if document is None:
        return f"({len(request.body)} bytes)"
    shown = document if show_secrets else masked(document)
    sent = request.body.decode(errors="replace")
    return sent if shown == document and indent is None and sent.isprintable() else json_text(shown, indent=indent)


def require_curl(endpoint: Endpoint) -> None:
    """Raise `EndpointError` if curl can't speak with a daemon there."""
    if endpoint.scheme not in ("unix", "tcp"):
        raise EndpointError(
            f"curl can't reach {endpoint}", hint="forward the daemon's socket with ssh -L and use unix://"
        )


def curl_options(endpoint: Endpoint) -> list[str]:
    """Return the options by which curl finds a daemon, and speaks with it as weave does."""
    # Proxies and ~/.curlrc have no say on the way to a daemon; dockerd speaks no HTTP/2; brackets are no patterns.
    words = ["--disable", "--silent", "--show-error", "--noproxy", "*", "--http1.1", "--globoff"]
    if endpoint.scheme == "unix":
        return [*words, "--unix-socket", endpoint.path]
    if endpoint.tls is None:
        return words
    if not endpoint.tls.verify:
        words.append("--insecure")
    for option, file in (("cacert", endpoint.tls.ca), ("cert", endpoint.tls.cert), ("key", endpoint.tls.key)):
        if file:
            # Behind a colon curl would look for the password of a certificate.
            plain = option != "cert" or ":" not in file
            words += [f"--{option}", file if plain else file.replace("\\", "\\\\").replace(":", "\\:")]
    return words


def base_url(endpoint: Endpoint) -> str:
    """Return what stands before a request's path in its URL."""
    if endpoint.scheme == "unix":
        return LOCAL
    scheme = "https" if endpoint.tls else "http"
    return f"{scheme}://{bracketed(endpoint.host)}:{endpoint.port}{endpoint.base_path}"


def method_options(request: Request) -> list[str]:
    """Return curl's options for a method; a HEAD that curl were only told the name of would wait for a body."""
    if request.method == "HEAD":
        return ["--head"]
    return [] if request.method == "GET" else ["--request", request.method]


def as_curl(exchange: Exchange, endpoint: Endpoint, *, show_secrets: bool) -> Iterator[str]:
    """Yield the curl line of a request, for any POSIX shell."""
    request = exchange.request
    words = ["curl", *curl_options(endpoint), *method_options(request)]
    if request.path.rpartition("/")[2] in ("attach", "wait", "events", "logs"):
        words += ["--no-buffer", "--output", "-"]
    for name, value in headers_of(request, show_secrets=show_secrets):
        words += ["--header", f"{name}: {value}"]
    if isinstance(request.body, bytes):
        words += ["--data-raw", body_text(request, show_secrets=show_secrets)]
    elif request.body is not None:
        # A path of its own: alone, `-` and `.` would be the standard input.
        file = file_of(request)
        words += ["--upload-file", str(file.absolute()) if file else "-"]
    # An archive is what the next call uploads: as two lines of a shell they are one pipe.
    pipe = " |" if request.path.endswith("/images/get") else ""
    yield sh_line([*words, base_url(endpoint) + request.target]) + pipe


def as_http(exchange: Exchange, endpoint: Endpoint, *, show_secrets: bool) -> Iterator[str]:
    """Yield the lines of a request as they go over the wire, then the answer's status if there is one."""
    request = exchange.request
    host = "localhost" if endpoint.scheme == "unix" else f"{bracketed(endpoint.host)}:{endpoint.port}"
    yield one_line(f"{request.method} {endpoint.base_path}{request.target} HTTP/1.1")
    yield one_line(f"Host: {host}")
    yield from (one_line(f"{name}: {value}") for name, value in headers_of(request, show_secrets=show_secrets))
    if isinstance(request.body, bytes):
        yield f"Content-Length: {len(request.body)}"
    elif request.body is not None:
        yield "Transfer-Encoding: chunked"
    yield ""
    if request.body is not None:
        yield from body_text(request, show_secrets=show_secrets).split("\n")
        yield ""


def as_json(exchange: Exchange, endpoint: Endpoint, *, show_secrets: bool) -> Iterator[str]:
    """Yield one JSON object on one line: endpoint, operation (null: not in the table), request, how it was answered."""
    request = exchange.request
    document = document_of(request)
    body: Any = document if show_secrets else masked(document)
    if document is None and request.body is not None:
        body = body_text(request, show_secrets=show_secrets)
    yield json_text(
        {
            "endpoint": endpoint.url,
            "operation": route_of(request).name or None,
            "method": request.method,
            "path": request.path,
            "query": dict(request.query),
            "headers": dict(headers_of(request, show_secrets=show_secrets)),
            "body": body,
            "status": exchange.status,
            "milliseconds": None if exchange.seconds is None else round(exchange.seconds * 1000, 1),
            "failure": exchange.failure or None,
        }
    )


Format = Callable[..., Iterator[str]]
RENDERERS: dict[str, Format] = {"curl": as_curl, "http": as_http, "json": as_json}


class FullPrinter:
    """Writes exchanges in full.

    Args:
        write: takes one line without its end.
        form: `curl`, `http` or `json`.
        endpoint: where the requests go.
        timed: add how each was answered; a dry run has no answers.
        show_secrets: leave passwords as they are.
    """

    def __init__(
        self, write: Callable[[str], None], form: str, endpoint: Endpoint, *, timed: bool, show_secrets: bool
    ) -> None:
        if form == "curl":
            require_curl(endpoint)
        self._write = write
        self._form = form
        self._endpoint = endpoint
        self._timed = timed
        self._show_secrets = show_secrets

    def __call__(self, exchange: Exchange) -> None:
        """Write one exchange."""
        if not self._timed:
            exchange = Exchange(exchange.request, None, None)
        for line in RENDERERS[self._form](exchange, self._endpoint, show_secrets=self._show_secrets):
            self._write(line)
        if self._form == "curl" and ("stdin", "1") in exchange.request.query:
            self._write("# curl can't write to this connection; `weave --cold` makes calls that it can make")
        if self._form != "json" and not route_of(exchange.request).name:
            self._write(f"# {UNKNOWN}")
        if self._timed and self._form != "json" and exchange.seconds is not None:
            answer = f"failed: {one_line(exchange.failure)}" if exchange.failure else str(exchange.status)
            self._write(f"# {answer} after {exchange.seconds * 1000:.1f} ms")
