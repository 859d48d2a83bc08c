"""What comes of an operation: an exit code, and what was said."""

from __future__ import annotations

import json

from weave_http.hints import Any
from weave_http.records import dataclass

OUT, ERR = 1, 2
"""The streams that lines go to, by their file descriptors."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an operation.

    Args:
        code: exit code.
        said: what was written, in its order, each with its stream: 1 for what was asked for, 2 for what went wrong.
    """

    code: int
    said: tuple[tuple[int, bytes], ...] = ()

    @property
    def ok(self) -> bool:
        """Whether it was done."""
        return self.code == 0

    @property
    def out(self) -> str:
        """What was asked for."""
        return self._text(OUT)

    @property
    def err(self) -> str:
        """What went wrong, and what is said beside."""
        return self._text(ERR)

    @property
    def reason(self) -> str:
        """Why it was not done: the last line of what went wrong, without who says it."""
        lines = self.err.strip().splitlines()
        return lines[-1].removeprefix("weave: ") if lines else f"exit code {self.code}"

    def json(self) -> Any:
        """Return the value that an operation with `json=True` has printed. Raises `ValueError`."""
        return json.loads(self.out)

    def _text(self, stream: int) -> str:
        return b"".join(data for number, data in self.said if number == stream).decode(errors="replace")
