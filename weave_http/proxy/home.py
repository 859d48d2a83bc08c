"""Where a proxy is at home: how it reaches the daemon, and who joins containers to the network for it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from weave_http.engine import Engine
    from weave_http.engine.wire.channel import Channel
    from weave_http.operations.operation import Operation
    from weave_http.operations.outcome import Outcome


class Visit(Protocol):
    """What one call needs beside its connection."""

    @property
    def engine(self) -> Engine:
        """The daemon's API."""
        ...

    def perform(self, operation: Operation) -> Outcome:
        """Have an operation done on the daemon's host."""
        ...

    def waiter(self) -> str:
        """Make the daemon have the container that holds the waiter, and return its name. Raises `WeaveError`."""
        ...


class Home(Protocol):
    """One daemon, and the host that it is on. Its methods are called in many threads."""

    def open(self) -> Channel:
        """Return a new connection to the daemon. Raises `WeaveError`."""
        ...

    def visit(self) -> AbstractContextManager[Visit]:
        """Return what is at hand for one call."""
        ...

    def say(self, line: str) -> None:
        """Tell somebody who watches what a client asks for, and what is changed of it."""
        ...
