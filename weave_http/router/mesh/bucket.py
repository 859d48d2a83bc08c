"""How fast strangers are let in."""

from __future__ import annotations


class TokenBucket:
    """So many at once, and then one an interval. Pure: the time is an argument, in seconds.

    Args:
        capacity: how many pass at once after a quiet time.
        interval: seconds in which one more may pass.
    """

    def __init__(self, capacity: int = 20, interval: float = 0.05) -> None:
        self._capacity = capacity
        self._interval = interval
        self._full_at = 0.0

    def take(self, now: float) -> float:
        """Take a token; return for how many seconds to wait before using it."""
        start = max(self._full_at, now)
        self._full_at = start + self._interval
        return max(0.0, self._full_at - self._capacity * self._interval - now)
