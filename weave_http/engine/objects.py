"""Streams of JSON objects: the progress of pulls and loads, and events."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from weave_http.closing import Closing
from weave_http.engine.errors import StreamError
from weave_http.engine.streams import JSONLines
from weave_http.engine.wire.base import Response

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


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of a pull, push, load, import or build.

    Args:
        text: what happens, as `Downloading`, or a line of output.
        id: the layer it happens to, or empty.
        current: bytes done, 0 if unknown.
        total: bytes in all, 0 if unknown.
        result: what came of it, as `{"ID": "sha256:…"}` of a build or `{"Tag": …, "Digest": …}` of a push; else empty.
    """

    text: str
    id: str = ""
    current: int = 0
    total: int = 0
    result: Mapping[str, Any] = field(default_factory=dict, hash=False)


def progress(value: Mapping[str, Any]) -> Progress:
    """Make a `Progress` of the object in which a daemon reports one.

    Raises:
        StreamError: it reports a failure: the status of such an answer is 200 all the same.
    """
    detail = value.get("errorDetail")
    message = detail.get("message") if isinstance(detail, dict) else None
    if message or detail is not None or value.get("error"):
        raise StreamError(" ".join(str(message or value.get("error") or "the daemon reports an error").split()))
    counted = value.get("progressDetail")
    counted = counted if isinstance(counted, dict) else {}
    text = value.get("status") or value.get("stream") or ""
    result = value.get("aux")
    return Progress(
        str(text).strip(),
        str(value.get("id", "")),
        _number(counted.get("current")),
        _number(counted.get("total")),
        result if isinstance(result, dict) else {},
    )


def _number(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def json_filters(filters: Mapping[str, list[str]] | None) -> tuple[tuple[str, str], ...]:
    """Return the `filters` parameter of list and event calls: a JSON object of lists."""
    import json

    return (("filters", json.dumps(filters, separators=(",", ":"))),) if filters else ()
