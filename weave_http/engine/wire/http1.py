"""HTTP/1.1 without any I/O: the bytes of a request's head, and a parser of one response.

Why not `http.client`: it reads from a blocking file, so that neither one time limit for the whole response nor a
hijacked connection is possible; it takes a head that was cut off for a whole one; it skips any number of interim
responses. Its import takes 11 ms (it brings the e-mail package) of a process that lives for 60. Why not h11: its import
takes 4 ms and an exchange 40 µs, against 1 ms and 10 µs here, and it is not in the image.

The body of a response ends in one of four ways, and the head says in which::

    HEAD, 1xx, 204, 304          with the head
    Transfer-Encoding: chunked   with a chunk of size 0 and the trailer after it
    Content-Length: n            after n bytes
    none of these                with the connection
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum

from weave_http.records import dataclass

_MAX_HEAD = 64 * 1024
_MAX_LINE = 4 * 1024
_MAX_INTERIM = 100
"""Interim responses before the real one; a daemon sends none that was not asked for."""
_HEAD_END = re.compile(rb"\n\r?\n")
_STATUS_LINE = re.compile(r"HTTP/1\.([01]) ([1-9]\d\d)(?: (.*))?", re.ASCII)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SIZE = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;.*)?")
_SWITCHING = 101


def request_head(method: str, target: str, fields: Iterable[tuple[str, str]]) -> bytes:
    """Return the head of a request, empty line included.

    Args:
        target: path and query, percent-encoded.
        fields: header fields.

    Raises:
        ValueError: something in it would break the framing.
    """
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields)]
    if any("\r" in line or "\n" in line for line in lines) or " " in target:
        raise ValueError("line ends or blanks in the head of a request")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class Garbage(Exception):
    """The bytes are not HTTP."""


class CutShort(Exception):
    """The connection ended before the response."""


@dataclass(frozen=True, slots=True)
class Head:
    """Status and header fields of a response.

    Args:
        status: status code.
        headers: fields, names in lower case; the values of repeated ones joined by commas.
        keep: whether the connection may be used again after this response.
    """

    status: int
    headers: dict[str, str]
    keep: bool


class _Until(Enum):
    """What the parser waits for."""

    HEAD = "the end of the head"
    LENGTH = "so many bytes"
    SIZE = "the line with a chunk's size"
    CHUNK = "the rest of a chunk"
    CHUNK_END = "the line end after a chunk"
    TRAILER = "the end of the trailer"
    CLOSE = "the end of the connection"
    NOTHING = "nothing: the response is complete"


class ResponseParser:
    """The parser of one response.

    Args:
        method: of the request: a response to HEAD has no body.
    """

    def __init__(self, method: str) -> None:
        self.head: Head | None = None
        """The response's head, as soon as it is there."""
        self._bodiless = method == "HEAD"
        self._buffer = bytearray()
        self._searched = 0
        self._until = _Until.HEAD
        self._left = 0
        self._interim = 0
        self._trailer = 0

    @property
    def untouched(self) -> bool:
        """Whether nothing has come yet."""
        return self.head is None and not self._buffer and not self._interim

    @property
    def ended(self) -> bool:
        """Whether the response is complete."""
        return self._until is _Until.NOTHING

    @property
    def rest(self) -> bytes:
        """What came after the end of the response; after a 101, the beginning of what the connection now carries."""
        return bytes(self._buffer) if self.ended else b""

    @property
    def reusable(self) -> bool:
        """Whether the connection can carry another request: the response is complete, and nothing came after it."""
        return self.ended and not self._buffer and self.head is not None and self.head.keep

    def feed(self, data: bytes) -> list[bytes]:
        """Return the pieces of the body in what has come.

        Raises:
            Garbage: it is not HTTP.
        """
        self._buffer += data
        pieces: list[bytes] = []
        while self._step(pieces):
            pass
        return pieces

    def finish(self) -> None:
        """Say that the connection has ended.

        Raises:
            CutShort: the response has not.
        """
        if self._until is _Until.CLOSE:
            self._until = _Until.NOTHING
        elif not self.ended:
            raise CutShort(f"waiting for {self._until.value}")

    def _step(self, pieces: list[bytes]) -> bool:
        """Take one element from the buffer; return whether there may be another."""
        match self._until:
            case _Until.HEAD:
                return self._take_head()
            case _Until.LENGTH | _Until.CHUNK:
                return self._take_counted(pieces)
            case _Until.CLOSE:
                if self._buffer:
                    pieces.append(bytes(self._buffer))
                    self._buffer.clear()
                return False
            case _Until.NOTHING:
                return False
            case _:
                return self._take_line()

    def _take_head(self) -> bool:
        # A head ends with an empty line; bare line feeds are tolerated, as everywhere.
        end = _HEAD_END.search(self._buffer, max(0, self._searched - 2))
        if end is None:
            self._searched = len(self._buffer)
            beginning = bytes(self._buffer[:5])
            if len(self._buffer) > _MAX_HEAD or not b"HTTP/".startswith(beginning):
                raise Garbage(f"a response begins with {bytes(self._buffer[:40])!r}")
            return False
        if end.end() > _MAX_HEAD:
            raise Garbage("the head is too long")
        lines = bytes(self._buffer[: end.start()]).decode("latin-1").split("\n")
        del self._buffer[: end.end()]
        self._searched = 0
        status, minor = _status(lines[0].rstrip("\r"))
        headers = _fields(lines[1:])
        if 100 <= status < 200 and status != _SWITCHING:
            # An interim response (100 Continue): the real one follows.
            self._interim += 1
            if self._interim > _MAX_INTERIM:
                raise Garbage(f"{self._interim} interim responses")
            return True
        self._begin_body(status, minor, headers)
        return True

    def _begin_body(self, status: int, minor: str, headers: dict[str, str]) -> None:
        connection = {token.strip() for token in headers.get("connection", "").lower().split(",")}
        coding, length = headers.get("transfer-encoding", "").lower(), headers.get("content-length")
        if self._bodiless or status in (_SWITCHING, 204, 304):
            self._until = _Until.NOTHING
        elif coding:
            if coding.strip() != "chunked":
                raise Garbage(f"unknown transfer coding {coding!r}")
            self._until = _Until.SIZE
        elif length is not None:
            self._left = _length(length)
            self._until = _Until.LENGTH if self._left else _Until.NOTHING
        else:
            self._until = _Until.CLOSE
        keep = minor == "1" and "close" not in connection and self._until is not _Until.CLOSE and status != _SWITCHING
        self.head = Head(status, headers, keep)

    def _take_counted(self, pieces: list[bytes]) -> bool:
        if not self._buffer:
            return False
        piece = bytes(self._buffer[: self._left])
        del self._buffer[: self._left]
        self._left -= len(piece)
        pieces.append(piece)
        if not self._left:
            self._until = _Until.CHUNK_END if self._until is _Until.CHUNK else _Until.NOTHING
        return True

    def _take_line(self) -> bool:
        end = self._buffer.find(b"\n")
        if max(end, len(self._buffer) if end < 0 else 0) > _MAX_LINE:
            raise Garbage("a line between chunks is too long")
        if end < 0:
            return False
        line = bytes(self._buffer[:end]).removesuffix(b"\r")
        del self._buffer[: end + 1]
        if self._until is _Until.CHUNK_END:
            if line:
                raise Garbage(f"{line[:40]!r} after a chunk")
            self._until = _Until.SIZE
        elif self._until is _Until.TRAILER:
            self._trailer += len(line)
            if self._trailer > _MAX_HEAD:
                raise Garbage("the trailer is too long")
            if not line:
                self._until = _Until.NOTHING
        else:
            size = _SIZE.fullmatch(line)
            if size is None:
                raise Garbage(f"{line[:40]!r} is no size of a chunk")
            self._left = int(size[1], 16)
            self._until = _Until.CHUNK if self._left else _Until.TRAILER
        return True


def _status(line: str) -> tuple[int, str]:
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        raise Garbage(f"a response begins with {line[:40]!r}")
    return int(match[2]), match[1]


def _fields(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.rstrip("\r").partition(":")
        if not colon or not _NAME.fullmatch(name):
            raise Garbage(f"{line[:40]!r} is no header field")
        key, value = name.lower(), value.strip(" \t")
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


def _length(text: str) -> int:
    values = {value.strip() for value in text.split(",")}
    value = values.pop()
    if values or not (value.isascii() and value.isdigit() and len(value) < 19):
        raise Garbage(f"{text[:40]!r} is no length")
    return int(value)
