"""The router's log: to stderr, a line an event, and of each kind only so many.

Whatever others do, be it peers that come and go or queries that make no sense, the log of a container grows without
limit on most hosts. So each statement that logs has a budget; what was left out is counted, and said with the next line
of its kind.
"""

from __future__ import annotations

import logging
import sys
from time import monotonic

BURST = 50
"""Lines of one kind at once."""
PERIOD = 5.0
"""Seconds after which there may be one more."""


class Bounded(logging.Filter):
    """Passes lines of each kind, that is of each place in the code, at a bounded rate; debugging lines are not counted.

    Args:
        burst: lines of one kind at once.
        period: seconds after which there may be one more.
    """

    def __init__(self, burst: int = BURST, period: float = PERIOD) -> None:
        super().__init__()
        self._burst = burst
        self._period = period
        self._kinds: dict[tuple[str, int], _Kind] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a line is written, with a count of those of its kind that were not."""
        if record.levelno <= logging.DEBUG:
            return True
        kind = self._kinds.setdefault((record.pathname, record.lineno), _Kind(self._burst))
        left_out = kind.take(monotonic(), self._burst, self._period)
        if left_out is None:
            return False
        if left_out:
            record.msg, record.args = f"{record.getMessage()} ({left_out} more like this were left out)", None
        return True


class _Kind:
    """A token bucket that counts what it refused."""

    def __init__(self, burst: int) -> None:
        self._tokens = float(burst)
        self._at = float("-inf")
        self._left_out = 0

    def take(self, now: float, burst: int, period: float) -> int | None:
        """Return how many were refused since the last one that was not; None if this one is."""
        self._tokens = min(burst, self._tokens + (now - self._at) / period)
        self._at = now
        if self._tokens < 1.0:
            self._left_out += 1
            return None
        self._tokens -= 1.0
        left_out, self._left_out = self._left_out, 0
        return left_out


def set_up(level: str) -> None:
    """Have the log go to stderr.

    Args:
        level: `debug`, `info`, `warning` or `error`.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(Bounded())
    logging.basicConfig(
        handlers=[handler],
        level=level.upper(),
        format="%(asctime)s.%(msecs)03d %(levelname)s %(message)s",
        datefmt="%Y-%m-%d %H:%M:%S",
    )
