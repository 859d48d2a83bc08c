"""What the engine just made and removed: a look at its networks that began earlier, and is told later, does not count.

Nobody can tell when a look began by what it found, so the engine's calls count for a while. Ids are never used twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import monotonic

SECONDS = 30.0
"""How long a look may be under way."""


class Recent:
    """The engine's calls that made and removed networks, for a while.

    Args:
        clock: returns the time, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._calls: dict[str, tuple[bool, float]] = {}

    def note(self, network: str, *, made: bool) -> None:
        """Note that a network was made, or removed.

        Args:
            network: its id.
            made: whether it was made.
        """
        self._calls[network] = made, self._clock()

    def corrected(self, found: Iterable[str]) -> set[str]:
        """Return which networks there are, by their ids, of those that a look found and those that it may have missed.

        Args:
            found: by a look that has begun at some time.
        """
        due = self._clock() - SECONDS
        self._calls = {network: call for network, call in self._calls.items() if call[1] > due}
        made = {network for network, (there, _) in self._calls.items() if there}
        return (set(found) | made) - (self._calls.keys() - made)
