"""Sinks for output, and how all bytes are written to one that takes less than asked, or nothing at the moment."""

from __future__ import annotations

import io
import os
import select

from weave_http.errors import WeaveError
from weave_http.hints import Any, Protocol
from weave_http.records import dataclass

MOST_KEPT = 64 * 1024 * 1024
"""Bytes of a command's output that are kept for its outcome."""


class Sink(Protocol):
    """Where bytes go: a binary stream that can be flushed."""

    def write(self, data: bytes, /) -> object: ...

    def flush(self) -> object: ...


class Nowhere:
    """Takes bytes and drops them."""

    def write(self, data: bytes) -> int:
        """Drop bytes."""
        return len(data)

    def flush(self) -> None:
        """Do nothing."""


NOWHERE = Nowhere()


def write_all(sink: Sink, data: bytes) -> None:
    """Write every byte and flush; wait where the sink takes none at the moment.

    Args:
        sink: also an unbuffered one, which may write a part, and one over a descriptor that does not block.
        data: the bytes.

    Raises:
        OSError: the sink can't take them.
    """
    view = memoryview(data)
    while view:
        try:
            count = sink.write(bytes(view))
        except BlockingIOError as error:
            count = error.characters_written
        if count is None and not isinstance(sink, io.RawIOBase):
            break  # a sink of somebody's own, which does not count
        if isinstance(count, int) and count >= len(view):
            break
        if not isinstance(count, int) or count <= 0:
            _wait(sink)
            count = 0
        view = view[count:]
    while True:
        try:
            sink.flush()
        except BlockingIOError:
            _wait(sink)
        else:
            return


def _wait(sink: Any) -> None:
    """Wait until a sink takes bytes again. Raises `OSError` if it has no descriptor to wait for."""
    poll = select.poll()
    poll.register(sink.fileno(), select.POLLOUT)
    poll.poll()


class PatientFile(io.RawIOBase):
    """A descriptor, all of whose writes write everything; also one that does not block. Closing it leaves it open.

    Args:
        descriptor: as 1 for standard output.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        """Return true."""
        return True

    def write(self, data: Any, /) -> int:
        """Write all bytes."""
        view = memoryview(data).cast("B")
        total = len(view)
        while view:
            try:
                view = view[os.write(self._descriptor, view) :]
            except BlockingIOError:
                _wait(self)
        return total


@dataclass(frozen=True, slots=True)
class Overheard:
    """A sink whose bytes are kept as well.

    Args:
        sink: where they go.
        stream: 1 or 2.
        said: keeps them, in the order of both streams.
        kept: how many bytes there are in it, the only item.
    """

    sink: Sink
    stream: int
    said: list[tuple[int, bytes]]
    kept: list[int]

    def write(self, data: bytes) -> int:
        """Write bytes.

        Raises:
            WeaveError: these are more than can be kept.
        """
        write_all(self.sink, data)
        self.kept[0] += len(data)
        if self.kept[0] > MOST_KEPT:
            raise WeaveError(f"the executor has written more than {MOST_KEPT >> 20} MiB")
        self.said.append((self.stream, data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: it is flushed already."""
