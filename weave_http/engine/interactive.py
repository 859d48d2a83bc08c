"""Containers and commands that are written to: a conversation in one thread.

Whoever writes to a program and only then reads what it answers stands still for good once both pipes are full. A
`Session` never waits for the daemon to take input: it waits for output, and sends what is left to send meanwhile.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable, Iterator

from weave_http.engine.errors import TimedOut
from weave_http.engine.output import Output
from weave_http.engine.wire.contract import Duplex

_PIECE = 65536


class Session(Output):
    """Iterate over what is written, as (stream, bytes), 1 being stdout and 2 stderr; `write` or `feed_from` is stdin.

    Args:
        duplex: the connection, after attach or exec.
        raw: a terminal's output: all of it is stream 1. None if its first byte is to tell.
    """

    def __init__(self, duplex: Duplex, *, raw: bool | None) -> None:
        super().__init__(raw=raw)
        self._duplex = duplex
        self._source: int | None = None
        self._through: Callable[[bytes], bytes] | None = None
        self._until: float | None = None

    @property
    def unsent(self) -> int:
        """Bytes that were written and that the daemon has not taken yet."""
        return self._duplex.unsent

    def write(self, data: bytes) -> None:
        """Write to stdin. It never waits; what is not taken at once is sent while output is read."""
        if data:
            self._duplex.write(data)

    def close_stdin(self) -> None:
        """End stdin, after all that was written; output still comes."""
        self._duplex.half_close()

    def feed_from(self, source: int, *, through: Callable[[bytes], bytes] | None = None) -> None:
        """Take stdin from a file descriptor while output is read, and end it when the descriptor ends.

        Args:
            source: read when there is something to read, and no faster than the daemon takes it.
            through: says what to send of what was read; what it raises, reading output raises.
        """
        self._source = source
        self._through = through

    def limit(self, seconds: float) -> None:
        """From now on wait for output for so many seconds in all; then reading it raises `TimedOut`."""
        self._until = time.monotonic() + seconds

    def _next_chunk(self) -> bytes:
        while (data := self._duplex.receive()) is None:
            self._wait()
        return data

    def _wait(self) -> None:
        """Wait until there is something to do, and pass on what the source has. Raises `TimedOut`."""
        left = None if self._until is None else self._until - time.monotonic()
        if left is not None and left <= 0:
            raise TimedOut("no output came in time")
        source = self._source if not self._duplex.unsent else None
        if source in wait(self._duplex, source, left) and source is not None:
            data = os.read(source, _PIECE)
            if data:
                self.write(self._through(data) if self._through else data)
            else:
                self._source = None
                self._duplex.half_close()

    def close(self) -> None:
        """Leave; the container goes on."""
        self._duplex.close()


def wait(duplex: Duplex, source: int | None = None, seconds: float | None = None) -> set[int]:
    """Wait until a connection or a source can be dealt with, and return the descriptors that can.

    Args:
        duplex: the connection.
        source: a descriptor that is read from.
        seconds: how long to wait at most; None for any time.
    """
    poll = select.poll()
    poll.register(duplex.fileno(), select.POLLIN | (select.POLLOUT if duplex.unsent else 0))
    if source is not None:
        poll.register(source, select.POLLIN)
    return {descriptor for descriptor, _ in poll.poll(None if seconds is None else seconds * 1000)}


def incoming(duplex: Duplex) -> Iterator[bytes]:
    """Yield what comes over a connection until its end, waiting for it."""
    while (data := duplex.receive()) != b"":
        if data is None:
            wait(duplex)
        else:
            yield data
