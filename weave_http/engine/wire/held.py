"""The `Response` of all adapters: a body pulled piece by piece, and a connection given back or dropped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from weave_http.closing import Closing
from weave_http.engine.errors import ProtocolError, TransportError

MAX_WHOLE = 64 << 20
"""Bytes of an answer that is read whole; a list of ten thousand containers has a fourth of that."""


class Body(Protocol):
    """An adapter's half of a response."""

    def pull(self) -> bytes:
        """Return the next piece of the body as soon as there is one, `b""` at its end; raises `TransportError`."""
        ...

    def give_back(self) -> None:
        """The body is read: keep the connection for the next request, if it can be kept."""
        ...

    def drop(self) -> None:
        """Close the connection."""
        ...

    def too_large(self, limit: int) -> TransportError:
        """Return what to raise when the body has more than so many bytes, and is to be read whole."""
        ...


class Closable(Protocol):
    """What holds a connection."""

    def close(self) -> None: ...


Holders = set[Closable]
"""All that holds a connection of a transport now."""


class HeldResponse(Closing):
    """Implements `transport.base.Response` over a `Body`.

    Args:
        status: HTTP status code.
        headers: header fields, names in lower case.
        body: where the body comes from.
        holders: the transport's open responses; this one is in it while it holds a connection.
    """

    def __init__(self, status: int, headers: Mapping[str, str], body: Body, holders: Holders) -> None:
        self.status = status
        self.headers = headers
        self._body = body
        self._holders = holders
        self._ended = False
        self._closed = False
        holders.add(self)

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
                self.close()
                raise self._body.too_large(MAX_WHOLE)
            pieces.append(chunk)
        return b"".join(pieces)

    def _next(self) -> bytes:
        if self._ended:
            return b""
        if self._closed:
            raise ProtocolError("the answer was closed before it was read to its end")
        try:
            chunk = self._body.pull()
        except BaseException:
            # Also an interrupt: half-read, the connection is of no use to anybody.
            self.close()
            raise
        if not chunk:
            self._ended = True
            self.close()
        return chunk

    def close(self) -> None:
        """Give the connection back, or drop it when the body was not read to its end."""
        if self._closed:
            return
        self._closed = True
        self._holders.discard(self)
        if self._ended:
            self._body.give_back()
        else:
            self._body.drop()


def close_all(holders: Holders) -> None:
    """Close everything that still holds a connection."""
    for holder in list(holders):
        holder.close()
