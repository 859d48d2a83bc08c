"""A response that reports its body piece by piece while it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from weave_http.closing import Closing
from weave_http.engine.wire.contract import Response


class Overheard(Closing):
    """Implements `contract.Response` over another one.

    Args:
        inner: the response.
        hear: takes each piece of the body as it is read.
        end: called when the body is read, or when its reader has had enough.
    """

    def __init__(
        self, inner: Response, hear: Callable[[bytes], object], end: Callable[[], object] = lambda: None
    ) -> None:
        self._inner = inner
        self._hear = hear
        self._end = end

    @property
    def status(self) -> int:
        """HTTP status code."""
        return self._inner.status

    @property
    def headers(self) -> Mapping[str, str]:
        """Header fields, names in lower case."""
        return self._inner.headers

    def chunks(self) -> Iterator[bytes]:
        """Yield the body as it arrives."""
        try:
            for chunk in self._inner.chunks():
                self._hear(chunk)
                yield chunk
        finally:
            self._end()

    def read(self) -> bytes:
        """Return what is left of the body."""
        content = self._inner.read()
        self._hear(content)
        self._end()
        return content

    def close(self) -> None:
        """Close the inner response."""
        self._inner.close()
