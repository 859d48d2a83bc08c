"""Base class for what holds a connection or a descriptor, and is closed at the end of a `with` block."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType

from weave_http.hints import Self


class Closing(ABC):
    """Holds something, a connection or a descriptor, until `close`; leaving a `with` block closes it too."""

    __slots__ = ()

    @abstractmethod
    def close(self) -> None:
        """Let go of it. Idempotent."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
