"""Output of a container: a stream that is opened before `start` and read afterwards."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Iterator

from weave_http.closing import Closing
from weave_http.engine.streams import STDOUT, Demultiplexer
from weave_http.engine.wire.contract import Response

MULTIPLEXED_STREAM = "application/vnd.docker.multiplexed-stream"
_CONTENT_TYPE_SINCE = (1, 42)
"""Older daemons call a multiplexed stream raw as well, so that their word counts for nothing."""


def is_raw(content_type: str, version: tuple[int, int], *, tty: bool) -> bool:
    """Tell whether a stream of output is raw (a terminal's) or multiplexed.

    Args:
        content_type: of the answer.
        version: the API version in use.
        tty: whether the container has a terminal, as the caller knows; it decides where the daemon does not say.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if version >= _CONTENT_TYPE_SINCE and kind == MULTIPLEXED_STREAM:
        return False
    # Engines call an attach that was not upgraded raw, whatever it is (seen on 26.1).
    return tty


class Output(Closing):
    """What a container writes: iterate over (stream, bytes), stream being 1 for stdout and 2 for stderr.

    Args:
        raw: a terminal's output: all of it is stream 1. None if its first byte is to tell, see `Demultiplexer`.
    """

    def __init__(self, *, raw: bool | None) -> None:
        self._demultiplexer = None if raw else Demultiplexer(or_raw=raw is None)
        self._ready: deque[tuple[int, bytes]] = deque()

    @abstractmethod
    def _next_chunk(self) -> bytes:
        """Wait for bytes and return them; none at the end."""

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        return self

    def __next__(self) -> tuple[int, bytes]:
        """Return the next piece of output.

        Raises:
            StreamError: the stream is broken, or the daemon reports a failure in it.
            TransportError: the connection broke off.
        """
        while not self._ready:
            chunk = self._next_chunk()
            if self._demultiplexer is None:
                if not chunk:
                    raise StopIteration
                return STDOUT, chunk
            if not chunk:
                self._demultiplexer.finish()
                raise StopIteration
            self._ready.extend(self._demultiplexer.feed(chunk))
        return self._ready.popleft()


class AttachedOutput(Output):
    """The output of a container that is only listened to.

    Args:
        response: the answer to attach or logs.
        raw: a terminal's output: all of it is stream 1.
    """

    def __init__(self, response: Response, *, raw: bool) -> None:
        super().__init__(raw=raw)
        self._response = response
        self._chunks = response.chunks()

    def _next_chunk(self) -> bytes:
        return next(self._chunks, b"")

    def close(self) -> None:
        """Stop listening; the container goes on."""
        self._response.close()
