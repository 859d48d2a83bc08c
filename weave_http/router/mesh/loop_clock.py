"""Time limits that don't count our own lag.

When a host is so busy that its router falls behind, data of its peers waits in the sockets, and limits by the clock on
the wall throw good connections away, which makes more work. This clock goes at most as fast as the event loop comes
round: a limit is over when the loop had its time, too, to see what came.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

_TICK = 0.25
_MOST_A_TICK = 0.4
"""Seconds that count for one time round: the rest is lag."""
_OF_LATE = 0.2
"""How much the last time round counts in what is said of the lag, beside those before."""


class LoopClock:
    """The time that an event loop had, in seconds.

    Attributes:
        slowness: how many times longer it takes to come round, of late, than it would without lag.
    """

    def __init__(self) -> None:
        self._time = 0.0
        self.slowness = 1.0
        self._ticked_at = monotonic()

    def now(self) -> float:
        """Return the time."""
        return self._time + min(monotonic() - self._ticked_at, _MOST_A_TICK)

    async def run(self) -> None:
        """Keep the clock going until cancelled; without it it stands still after the first moment."""
        self._ticked_at = monotonic()
        while True:
            await asyncio.sleep(_TICK)
            self.slowness += _OF_LATE * ((monotonic() - self._ticked_at) / _TICK - self.slowness)
            self._time, self._ticked_at = self.now(), monotonic()

    @asynccontextmanager
    async def timeout(self, seconds: float) -> AsyncIterator[None]:
        """Raise `TimeoutError` in what is done inside, after so many seconds of this clock."""
        loop = asyncio.get_running_loop()
        end = self.now() + seconds
        async with asyncio.timeout(None) as limit:
            handles: list[asyncio.TimerHandle] = []

            def check() -> None:
                left = end - self.now()
                if left > 0:
                    handles[:] = [loop.call_later(left, check)]
                else:
                    limit.reschedule(loop.time())

            handles.append(loop.call_later(seconds, check))
            try:
                yield
            finally:
                handles[0].cancel()
