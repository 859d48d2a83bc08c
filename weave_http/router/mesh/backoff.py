"""Delays before a peer is dialled again."""

from __future__ import annotations

from collections.abc import Callable
from random import random

FIRST_DELAY = 2.0
GROWTH = 1.5
LONGEST_MEAN = 40.0
"""So no delay exceeds 60 s (the original's limit is 6 min): a host that comes back should not be waited for."""
LASTING_MEAN = 120.0
"""After a refusal that will hardly change by itself."""
STEADY = 60.0
"""Seconds after which a connection that broke counts as one that had been good: it is dialled again at once."""


def delay(attempt: int, chance: Callable[[], float] = random) -> float:
    """Return the seconds to wait before an attempt: ±50 % around a mean that grows by half each time.

    Args:
        attempt: 1 for the first retry.
        chance: returns a number in [0, 1).
    """
    mean: float = min(LONGEST_MEAN, FIRST_DELAY * GROWTH ** min(attempt - 1, 64))
    return mean * (0.5 + chance())


def lasting_delay(chance: Callable[[], float] = random) -> float:
    """Return the seconds to wait after a refusal that will hardly change by itself, ±50 %; argument as for `delay`."""
    return LASTING_MEAN * (0.5 + chance())


def delay_after(up_for: float, attempt: int, chance: Callable[[], float] = random) -> float:
    """Return the seconds to wait before dialling again after a connection broke.

    Args:
        up_for: seconds for which it had been established.
        attempt: number of this retry, as for `delay`.
        chance: returns a number in [0, 1).
    """
    return 0.0 if up_for > STEADY else delay(attempt, chance)
