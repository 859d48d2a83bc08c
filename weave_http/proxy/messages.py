"""HTTP messages, of bytes that are passed on as they came.

h11 reads heads, and the bodies that are kept; the ends of all other bodies are found without it (`framing`), as
gigabytes may pass. Nothing is written anew by it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from http import HTTPStatus

import h11

from weave_http.proxy.framing import BadMessage, Body, body_of

MOST_HEAD = 1024 * 1024
"""Bytes of a head at most; `X-Registry-Config` of a build can be long. Go's server has the same limit."""


class Message:
    """One message as it comes.

    Args:
        parser: h11's, for the side that receives it.
        keep: tells of a head whether the body is to be kept.
        method: of the request that it answers; empty for a request.

    Attributes:
        head: of it, once it is there.
        body: what has come of the body, if it is kept.
        status: of a response, once its head is there; 101 where it is switched.
        ended: whether it has all come.
        switched: whether the connection belongs to another protocol from here on.
        rest: what came after its end.
    """

    def __init__(
        self, parser: h11.Connection, keep: Callable[[h11.Request | h11.Response], bool], method: bytes = b""
    ) -> None:
        self.head: h11.Request | h11.Response | None = None
        self.body = bytearray()
        self.status = 0
        self.ended = self.switched = False
        self.rest = b""
        self._parser = parser
        self._keep = keep
        self._method = method
        self._passing: Body | None = None

    def feed(self, data: bytes) -> bytes:
        """Take bytes, `b""` for the end of the connection; return those that belong to it.

        Raises:
            BadMessage: they are no HTTP.
        """
        if self._passing is not None:
            return self._passed(self._passing, data, 0)
        try:
            self._parser.receive_data(data)
            while not self.ended:
                event = self._parser.next_event()
                if isinstance(event, (h11.InformationalResponse, h11.Response)):
                    self.status = event.status_code
                if event is h11.NEED_DATA:
                    return data
                if event is h11.PAUSED:
                    self.ended = self.switched = True
                elif isinstance(event, (h11.EndOfMessage, h11.ConnectionClosed)):
                    self.ended = True
                elif isinstance(event, h11.Data):
                    self.body += event.data
                elif isinstance(event, (h11.Request, h11.Response)):
                    self.head = event
                    if not self._keep(event):
                        self._passing = body_of(event, self._method)
                        return self._passed(self._passing, data, len(data) - len(self._parser.trailing_data[0]))
        except h11.RemoteProtocolError as error:
            raise BadMessage(str(error)) from error
        self.rest = self._parser.trailing_data[0]
        return data[: len(data) - len(self.rest)]

    def _passed(self, body: Body, data: bytes, start: int) -> bytes:
        """Take bytes that begin with others, and go on with those of a body that is not kept."""
        if not data and not body.until_close:
            raise BadMessage("it ends too soon")
        end = body.take(data, start)
        self.ended = body.ended or not data
        self.rest = data[end:]
        return data if end == len(data) else data[:end]

    @property
    def closes(self) -> bool:
        """Whether its connection is to end with it, by its own word."""
        return self.head is not None and field(self.head, b"connection").lower() == b"close"

    @property
    def until_close(self) -> bool:
        """Whether a response that is not kept ends with its connection only, as a hijacked one does."""
        return self._passing is not None and self._passing.until_close


def request(keep: Callable[[h11.Request | h11.Response], bool]) -> Message:
    """Return a request that is to come."""
    return Message(h11.Connection(h11.SERVER, max_incomplete_event_size=MOST_HEAD), keep)


def response_to(head: h11.Request, *, keep: bool = False) -> Message:
    """Return the response that is to come to a request; its body is kept if that is wanted."""
    parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_HEAD)
    upgrade = [(name, value) for name, value in head.headers if name in (b"upgrade", b"connection")]
    parser.send(h11.Request(method=head.method, target=head.target, headers=[(b"host", b"docker"), *upgrade]))
    parser.send(h11.EndOfMessage())
    return Message(parser, lambda _: keep, head.method)


def field(head: h11.Request | h11.Response, name: bytes) -> bytes:
    """Return a header field; empty if there is none."""
    return next((value for key, value in head.headers if key == name), b"")


def with_body(head: h11.Request | h11.Response, body: bytes) -> bytes:
    """Return a message with the head of another one and a body of its own."""
    if isinstance(head, h11.Request):
        first = b"%s %s HTTP/%s" % (head.method, head.target, head.http_version)
    else:
        first = b"HTTP/%s %d %s" % (head.http_version, head.status_code, head.reason)
    length = (b"content-length", b"transfer-encoding", b"expect", b"trailer")
    fields = [(name, value) for name, value in head.headers.raw_items() if name.lower() not in length]
    lines = [first, *(b"%s: %s" % pair for pair in fields), b"Content-Length: %d" % len(body), b"", body]
    return b"\r\n".join(lines)


def refusal(status: int, message: str, *, close: bool = False) -> bytes:
    """Return a response as the daemon refuses something: a JSON object with a message."""
    reason = HTTPStatus(status).phrase if status in list(HTTPStatus) else "Error"
    body = json.dumps({"message": message}).encode() + b"\n"
    lines = [
        f"HTTP/1.1 {status} {reason}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *(["Connection: close"] if close else []),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
