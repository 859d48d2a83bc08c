"""How many wrong passwords strangers may try. Pure; times are seconds of any clock that only goes forward.

A handshake counts as a wrong one from its beginning until it turns out to be a right one, so many at once are no way
around it. Addresses from where somebody has proved the password before aren't held up by what others do.
"""

from __future__ import annotations

from weave_http.addresses import IP, Network
from weave_http.operations.passwords import GUESSES_PER_SECOND
from weave_http.router.mesh.bucket import TokenBucket, origin

BURST, INTERVAL = 64, 1 / GUESSES_PER_SECOND
"""Of all strangers: so many at once, and then one in so many seconds."""
BURST_OF_ONE, INTERVAL_OF_ONE = 16, 2.0
"""Of one address."""
MOST_PROVED = 4096
"""Addresses that are remembered for having proved the password."""


class Budget:
    """What is left."""

    def __init__(self) -> None:
        self._all = TokenBucket(BURST, INTERVAL)
        self._by_source: dict[Network, TokenBucket] = {}
        self._proved: dict[Network, None] = {}

    def take(self, ip: IP, now: float) -> bool:
        """Count a guess from an address, and return whether it may be made; one that may not doesn't count."""
        if len(self._by_source) > 2 * BURST / INTERVAL:
            self._by_source = {each: bucket for each, bucket in self._by_source.items() if not bucket.is_full(now)}
        source = origin(ip)
        own = self._by_source.get(source) or TokenBucket(BURST_OF_ONE, INTERVAL_OF_ONE)
        shared = None if source in self._proved else self._all
        if own.wait(now) > 0 or (shared is not None and shared.wait(now) > 0):
            return False
        own.take(now)
        if shared is not None:
            shared.take(now)
        self._by_source[source] = own
        return True

    def proved(self, ip: IP, guesses: int) -> None:
        """Note that somebody there has the password: his guesses don't count.

        Args:
            ip: his address.
            guesses: how many of his were counted.
        """
        source = origin(ip)
        shared = None if source in self._proved else self._all
        for bucket in filter(None, (self._by_source.get(source), shared)):
            for _ in range(guesses):
                bucket.give_back()
        self._proved.pop(source, None)
        self._proved[source] = None
        if len(self._proved) > MOST_PROVED:
            del self._proved[next(iter(self._proved))]
