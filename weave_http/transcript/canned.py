"""Responses that are made beforehand, for transports without a daemon."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from weave_http.closing import Closing
from weave_http.records import dataclass

_SWITCHING = 101


@dataclass(frozen=True, slots=True)
class Canned(Closing):
    """A whole response. Implements `contract.Response`.

    Args:
        status: HTTP status.
        body: all of it.
        content_type: what it is.
        more: further header fields, names in lower case.
    """

    status: int
    body: bytes
    content_type: str = "application/json"
    more: tuple[tuple[str, str], ...] = ()

    @property
    def headers(self) -> Mapping[str, str]:
        """Header fields of the answer."""
        return {"content-type": self.content_type, "content-length": str(len(self.body)), **dict(self.more)}

    def chunks(self) -> Iterator[bytes]:
        """Yield the body."""
        if self.body:
            yield self.body

    def read(self) -> bytes:
        """Return the body."""
        return self.body

    def close(self) -> None:
        """Do nothing: there is no connection."""


def canned_json(status: int, document: Any) -> Canned:
    """Return the answer that is a JSON document."""
    return Canned(status, json.dumps(document).encode())


@dataclass(slots=True)
class CannedStream(Closing):
    """A hijacked connection whose data is all there already. Implements `contract.Duplex`."""

    status: int
    headers: Mapping[str, str]
    _left: deque[bytes]
    unsent: int = 0

    @classmethod
    def of(cls, answer: Canned) -> CannedStream:
        """Return the connection on which an answer came; what is granted switches protocols, as daemons do."""
        if answer.status >= 300:
            return cls(answer.status, answer.headers, deque(answer.chunks()))
        return cls(_SWITCHING, {"connection": "Upgrade", "upgrade": "tcp"}, deque(answer.chunks()))

    def fileno(self) -> int:
        """There is none: nobody has to wait."""
        return -1

    def write(self, data: bytes) -> None:
        """Drop bytes."""

    def half_close(self) -> None:
        """Do nothing."""

    def receive(self) -> bytes:
        """Return what there is."""
        return self._left.popleft() if self._left else b""

    def close(self) -> None:
        """Do nothing: there is no connection."""
