"""A response's body, wherever its pieces come from: read as it arrives, or whole up to a limit."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

from weave_http.closing import Closing
from weave_http.engine.address import Endpoint
from weave_http.engine.errors import ProtocolError
from weave_http.engine.wire.contract import Request

MAX_WHOLE = 64 << 20
"""Bytes of a response that is read whole; a list of ten thousand containers has a fourth of that."""


class Body(Closing):
    """Both readings of a body, over one piece at a time.

    Args:
        request: what is answered.
        endpoint: by whom.
    """

    def __init__(self, request: Request, endpoint: Endpoint) -> None:
        self._request = request
        self._endpoint = endpoint
        self._closed = False

    @abstractmethod
    def _next(self) -> bytes:
        """Wait for the next piece and return it, `b""` at the end; raises `TransportError`."""

    def chunks(self) -> Iterator[bytes]:
        """Yield the body as it arrives."""
        while chunk := self._next():
            yield chunk

    def read(self) -> bytes:
        """Return what is left of the body, of at most `MAX_WHOLE` bytes."""
        pieces, size = [], 0
        for chunk in self.chunks():
            size += len(chunk)
            if size > MAX_WHOLE:
                from weave_http.engine.wire.failures import too_large

                self.close()
                raise too_large(self._endpoint, self._request, MAX_WHOLE)
            pieces.append(chunk)
        return b"".join(pieces)

    def _check_open(self) -> None:
        if self._closed:
            raise ProtocolError("the connection was closed before the response was read to its end")
