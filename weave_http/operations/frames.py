"""An operation's form for the resident executor: frames, on its stdin and on its stdout. Pure, for both sides.

A frame is one line of JSON, of at most 4096 bytes, behind the CRC-32 of it::

    1c291ca3 {"id": "b0c1…", "go": true}

Several callers write to one stdin, and what they write may be mixed. So a line feed stands before every frame as well
as behind it, and a line whose checksum is wrong is dropped: it is nobody's order. All callers read one stdout; each
takes the frames with its own id, which it makes up for each call.

======== =================================================================== =============
key      value, beside `id`                                                  who says it
======== =================================================================== =============
call     `words` of the operation, `env`, the `image` that is expected       the caller
ready    `version` and `image` of the resident, which has begun nothing      the resident
         yet; neither, if it takes no calls now
go       true: do it. Without it the call is forgotten                       the caller
said     stream (1 or 2), and what was written to it                         the resident
end      the exit code                                                       the resident
signal   number of a signal for the operation                                the caller
alive    true: it is still at work                                           the resident
======== =================================================================== =============

Text is UTF-8; bytes that are none are written as Python's `surrogateescape` does, so that every byte comes through.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from zlib import crc32

from weave_http.hints import Any

LONGEST = 4096
"""Bytes of a frame, its line feeds included: so much is written to a pipe in one piece."""
PIECE = 512
"""Bytes of output in a frame, each of which may take six in JSON."""

Frame = dict[str, Any]


def encode(frame: Mapping[str, Any]) -> bytes:
    """Return a frame as bytes.

    Args:
        frame: its keys; `id` is one of them.

    Raises:
        ValueError: it is too long.
    """
    text = json.dumps(frame, separators=(",", ":")).encode("ascii")
    data = b"\n%08x %b\n" % (crc32(text), text)
    if len(data) > LONGEST:
        raise ValueError(f"a frame of {len(data)} bytes")
    return data


def said(identity: str, stream: int, data: bytes) -> Iterator[bytes]:
    """Yield the frames that say what was written.

    Args:
        identity: of the call.
        stream: 1 or 2.
        data: any bytes.
    """
    for start in range(0, len(data), PIECE):
        text = data[start : start + PIECE].decode(errors="surrogateescape")
        yield encode({"id": identity, "said": [stream, text]})


def written(frame: Frame) -> tuple[int, bytes]:
    """Return stream and bytes of a `said` frame. Raises `ValueError` if it makes no sense."""
    try:
        stream, text = frame["said"]
        if stream not in (1, 2):
            raise ValueError(f"no stream {stream!r}")
        return stream, text.encode(errors="surrogateescape")
    except (TypeError, AttributeError) as error:
        raise ValueError(f"no output: {frame['said']!r}") from error


class Decoder:
    """Takes a stream of bytes apart into frames; what is none is dropped.

    Args:
        only: the id of the call whose frames are wanted; empty for all.
    """

    def __init__(self, only: str = "") -> None:
        self._only = only.encode()
        self._rest = b""
        self._skipping = False

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that are whole now."""
        *lines, rest = (self._rest + data).split(b"\n")
        if lines and self._skipping:
            lines, self._skipping = lines[1:], False
        if len(rest) > LONGEST:  # it can't become a frame any more
            rest, self._skipping = b"", True
        self._rest = b"" if self._skipping else rest
        return [frame for line in lines if self._only in line and (frame := _frame(line)) is not None]


def _frame(line: bytes) -> Frame | None:
    """Return the frame in a line; None for none."""
    checksum, _, text = line.partition(b" ")
    if len(line) > LONGEST or checksum != b"%08x" % crc32(text):
        return None
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return frame if isinstance(frame, dict) and isinstance(frame.get("id"), str) else None
