"""Where a body ends that nobody looks at: its bytes are counted as they pass, neither copied nor decoded. Pure."""

from __future__ import annotations

import re
from typing import Protocol

import h11

_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n")
"""The line before the bytes of a chunk: their number, and extensions, which nobody uses."""
_MOST_LINE = 64 * 1024


class BadMessage(Exception):
    """What came is no HTTP message; the connection it came on is of no more use."""


class Body(Protocol):
    """A body as it comes.

    Attributes:
        ended: whether it has all come.
        until_close: whether only the end of its connection ends it, as with a hijacked one.
    """

    ended: bool
    until_close: bool

    def take(self, data: bytes, start: int) -> int:
        """Return where in `data` its bytes end, of which the first is at `start`. Raises `BadMessage`."""
        ...


class Counted:
    """A body whose length its head has said.

    Args:
        length: in bytes.
    """

    until_close = False

    def __init__(self, length: int) -> None:
        self._left = length
        self.ended = not length

    def take(self, data: bytes, start: int) -> int:
        """See `Body`."""
        step = min(self._left, len(data) - start)
        self._left -= step
        self.ended = not self._left
        return start + step


class Chunked:
    """A body in chunks, each with its length before it; trailers belong to it."""

    until_close = False

    def __init__(self) -> None:
        self.ended = False
        self._left = 0
        self._line = b""
        self._in_trailers = False

    def take(self, data: bytes, start: int) -> int:
        """See `Body`."""
        at = start
        while not self.ended and at < len(data):
            if self._left:
                step = min(self._left, len(data) - at)
                self._left -= step
                at += step
                continue
            end = data.find(b"\n", at) + 1 or len(data)
            self._line += data[at:end]
            at = end
            if len(self._line) > _MOST_LINE:
                raise BadMessage("a line between chunks is too long")
            if self._line.endswith(b"\n"):
                self._read(self._line)
                self._line = b""
        return at

    def _read(self, line: bytes) -> None:
        if self._in_trailers:
            self.ended = line == b"\r\n"
            return
        found = _CHUNK.fullmatch(line)
        if found is None:
            raise BadMessage("a chunk has no length")
        length = int(found[1], 16)
        self._in_trailers = not length
        self._left = length + len(b"\r\n") if length else 0


class UntilClose:
    """A body that ends with its connection."""

    until_close = True
    ended = False

    def take(self, data: bytes, start: int) -> int:
        """See `Body`."""
        return len(data)


def body_of(head: h11.Request | h11.Response, method: bytes) -> Body:
    """Return the body that follows a head, by RFC 9112, 6.3.

    Args:
        head: that h11 has read, and has refused if its length makes no sense.
        method: of the request.
    """
    if isinstance(head, h11.Response) and (head.status_code in (204, 304) or method == b"HEAD"):
        return Counted(0)
    fields = dict(head.headers)
    if b"transfer-encoding" in fields:
        return Chunked()  # h11 takes no other one
    if b"content-length" in fields:
        return Counted(int(fields[b"content-length"]))
    return UntilClose() if isinstance(head, h11.Response) else Counted(0)
