"""Bodies that are read while they come: JSON objects (progress, events) and bytes (archives)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from weave_http.closing import Closing
from weave_http.engine.errors import StreamError
from weave_http.engine.streams import JSONLines
from weave_http.engine.wire.contract import Response

T = TypeVar("T")


class ObjectStream(Closing, Generic[T]):
    """Objects as they arrive: an iterator and a context manager. The connection is held until its end or `close`.

    Args:
        response: the open answer.
        convert: makes what is yielded of a JSON object, or raises `StreamError`.
    """

    def __init__(self, response: Response, convert: Callable[[dict[str, Any]], T]) -> None:
        self._response = response
        self._chunks = response.chunks()
        self._parser = JSONLines()
        self._convert = convert
        self._ready: deque[dict[str, Any]] = deque()
        self._ended = False

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        """Return the next object.

        Raises:
            StreamError: the daemon reports a failure, or this is no stream of JSON objects.
            TransportError: the connection broke off.
        """
        try:
            while not self._ready:
                if self._ended:
                    raise StopIteration
                chunk = next(self._chunks, b"")
                self._ended = not chunk
                self._ready.extend(self._parser.feed(chunk) if chunk else self._parser.finish())
            return self._convert(self._ready.popleft())
        except StreamError:
            self.close()
            raise

    def close(self) -> None:
        """Stop reading."""
        self._response.close()


class ByteStream(Closing):
    """Bytes as they arrive: an iterator and a context manager. The connection is held until its end or `close`.

    Args:
        response: the open answer.
    """

    def __init__(self, response: Response) -> None:
        self._response = response
        self._chunks = response.chunks()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        """Return the next piece; raises `TransportError` if the connection breaks off."""
        return next(self._chunks)

    def close(self) -> None:
        """Stop reading."""
        self._response.close()
