"""Rate limits: a token bucket for new connections, and a limit for repeated log lines."""

from __future__ import annotations

from ipaddress import ip_network

from weave_http.addresses import IP, Network


def origin(ip: IP) -> Network:
    """Return what counts as one stranger: of IPv6, where a host takes as many addresses as it likes, a whole /64."""
    return ip_network((ip, 32 if ip.version == 4 else 64), strict=False)


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

    def wait(self, now: float) -> float:
        """Return for how many seconds to wait until there is a token."""
        start = max(self._full_at, now)
        return max(0.0, start + self._interval - self._capacity * self._interval - now)

    def take(self, now: float) -> float:
        """Take a token; return for how many seconds to wait before using it."""
        wait = self.wait(now)
        self._full_at = max(self._full_at, now) + self._interval
        return wait

    def give_back(self) -> None:
        """Take back that a token was taken."""
        self._full_at -= self._interval

    def is_full(self, now: float) -> bool:
        """Return whether it is as after a quiet time."""
        return self._full_at <= now


class Quiet:
    """Which lines of a log are worth writing: of each kind a few at once, and then one in a while.

    Args:
        burst: lines of one kind at once.
        interval: seconds after which there may be one more.
    """

    def __init__(self, burst: int = 20, interval: float = 10.0) -> None:
        self._burst = burst
        self._interval = interval
        self._buckets: dict[str, TokenBucket] = {}
        self._left_out: dict[str, int] = {}

    def let(self, kind: str, now: float) -> str | None:
        """Return what to add to a line, mostly nothing; None when it is not to be written.

        Args:
            kind: one of few.
            now: the time.
        """
        bucket = self._buckets.setdefault(kind, TokenBucket(self._burst, self._interval))
        if bucket.wait(now) > 0:
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            return None
        bucket.take(now)
        count = self._left_out.pop(kind, 0)
        return f" (and {count} more like this)" if count else ""
