"""What a daemon's streams are made of, without any I/O: bytes in, frames or objects out.

Output of containers without a terminal comes in frames::

    +--------+---+---+---+--------------------+-----------+
    | stream | 0 | 0 | 0 | length, big-endian | payload … |
    +--------+---+---+---+--------------------+-----------+

with stream 1 for stdout, 2 for stderr, 0 (stdin's echo, taken for stdout), and 3 for a failure of the daemon itself.
A frame may be gigabytes long, so that payload is handed on as it comes; only a failure's text is collected.

Progress and events are JSON objects, each ended by a line feed, in newer daemons also begun by a record separator
(0x1E). Neither byte can stand unescaped in JSON, so both are simply separators here; CRLF is tolerated.

Each parser has `feed` for what has come and `finish` for the end, which complains about what is half there.
"""

from __future__ import annotations

import json

from weave_http.engine.errors import StreamError
from weave_http.hints import Any

STDOUT = 1
STDERR = 2
_FAILURE = 3
_STREAM_OF = {0: STDOUT, 1: STDOUT, 2: STDERR}
_HEADER = 8
_MAX_FAILURE_TEXT = 64 * 1024
_MAX_LINE = 16 * 1024 * 1024
"""Bytes of one JSON object; what is longer is no progress and no event."""


class Demultiplexer:
    """Takes a multiplexed stream apart.

    Args:
        or_raw: it may also be a terminal's output, all of which is stream 1. Its first byte tells: a multiplexed one
            begins with the number of a stream, and text with none of these.
    """

    def __init__(self, *, or_raw: bool = False) -> None:
        self._may_be_raw = or_raw
        self._is_raw = False
        self._header = bytearray()
        self._stream = 0
        self._left = 0
        self._failure = bytearray()

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Return the pieces of output in `data`, as (`STDOUT` or `STDERR`, bytes), none of them empty.

        Raises:
            StreamError: this is no multiplexed stream, or the daemon reports a failure in it.
        """
        pieces: list[tuple[int, bytes]] = []
        position = 0
        if self._may_be_raw and data:
            self._may_be_raw, self._is_raw = False, data[0] not in (*_STREAM_OF, _FAILURE)
        if self._is_raw:
            return [(STDOUT, data)] if data else []
        while position < len(data):
            if not self._left:
                taken = data[position : position + _HEADER - len(self._header)]
                self._header += taken
                position += len(taken)
                if len(self._header) == _HEADER:
                    self._begin()
                continue
            piece = data[position : position + self._left]
            position += len(piece)
            self._left -= len(piece)
            if self._stream == _FAILURE:
                self._collect_failure(piece)
            else:
                pieces.append((_STREAM_OF[self._stream], piece))
        return pieces

    def finish(self) -> None:
        """Say that the stream has ended.

        Raises:
            StreamError: it ended within a frame.
        """
        if self._header or self._left:
            missing = f"{self._left} bytes short" if self._left else "within a frame's header"
            raise StreamError(f"the output stream was cut off, {missing}")

    def _begin(self) -> None:
        stream, padding = self._header[0], self._header[1:4]
        if (stream not in _STREAM_OF and stream != _FAILURE) or any(padding):
            raise StreamError(
                f"the output stream is not multiplexed: a frame begins with {bytes(self._header).hex(' ')}",
                hint="has the container a terminal?",
            )
        self._stream = stream
        self._left = int.from_bytes(self._header[4:], "big")
        self._header.clear()
        if stream == _FAILURE and not self._left:
            self._collect_failure(b"")

    def _collect_failure(self, piece: bytes) -> None:
        room = _MAX_FAILURE_TEXT - len(self._failure)
        self._failure += piece[:room]
        if not self._left or len(self._failure) == _MAX_FAILURE_TEXT:
            text = " ".join(self._failure.decode(errors="replace").split())
            raise StreamError(f"the daemon broke off the output: {text or 'no reason given'}")


class JSONLines:
    """Takes a stream of JSON objects apart."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """Return the objects that are complete with `data`.

        Raises:
            StreamError: a line is no JSON object.
        """
        self._rest += data.replace(b"\x1e", b"\n")
        if b"\n" not in data and b"\x1e" not in data:
            if len(self._rest) > _MAX_LINE:
                raise StreamError(f"the daemon sent a line of more than {_MAX_LINE >> 20} MiB where JSON was expected")
            return []
        *lines, rest = self._rest.split(b"\n")
        self._rest = rest
        return [_object(line) for line in lines if line.strip()]

    def finish(self) -> list[dict[str, Any]]:
        """Say that the stream has ended, and return what its last line held.

        Raises:
            StreamError: it ended within an object.
        """
        line, self._rest = self._rest, bytearray()
        return [_object(line)] if line.strip() else []


def _object(line: bytearray) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        shown = bytes(line[:80]).decode(errors="replace").strip()
        raise StreamError(f"the daemon sent {shown!r} where a JSON object was expected")
    return value
