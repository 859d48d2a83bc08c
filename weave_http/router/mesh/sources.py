"""From which neighbour comes what is known of each origin, how much that is, and what of it is withdrawn. Pure.

What a neighbour says of others may be a lie. So what came from it is counted, and is withdrawn when its connection
ends; what was withdrawn goes on counting for a moment, and is not believed any number of times.
"""

from __future__ import annotations

from collections.abc import Iterable, Set

from weave_http.router.mesh.facts import NOTHING, Stamp
from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.neighbours import Neighbour

KEEP_WITHDRAWN = 10.0
"""Seconds for which something withdrawn still counts when nobody says it again."""
_MOST_RETURNS = 3
"""Times that the same stamp is believed again after it was withdrawn: a lie must not run round in circles."""
_REMEMBER_RETURNS = 60.0


class Sources:
    """Where what is known comes from.

    Attributes:
        total: how large all is together that is known from others than its origin, withdrawn or not.
    """

    def __init__(self) -> None:
        self.total = 0
        self._of: dict[PeerName, Neighbour] = {}
        self._sizes: dict[PeerName, int] = {}
        self._loads: dict[Neighbour, tuple[int, int]] = {}
        self._withdrawn: dict[PeerName, float] = {}
        """Until when something withdrawn still counts."""
        self._returns: dict[PeerName, tuple[Stamp, int, float]] = {}

    def of(self, origin: PeerName) -> Neighbour | None:
        """Return from which neighbour that is known which is known of an origin."""
        return self._of.get(origin)

    def from_neighbour(self, neighbour: Neighbour) -> list[PeerName]:
        """Return of which origins something is known from a neighbour."""
        return [origin for origin, source in self._of.items() if source is neighbour]

    def load(self, neighbour: Neighbour) -> tuple[int, int]:
        """Return how many origins, other than itself, are known from a neighbour, and how large they are together."""
        return self._loads.get(neighbour, (0, 0))

    def believes(self, neighbour: Neighbour, origin: PeerName, stamp: Stamp, connected: Set[PeerName]) -> bool:
        """Tell whether a neighbour's word about an origin other than ourselves counts."""
        if origin == neighbour.peer:
            return True
        before, times, _ = self._returns.get(origin, (NOTHING, 0, 0.0))
        return origin not in connected and (stamp != before or times < _MOST_RETURNS)

    def came(self, neighbour: Neighbour, origin: PeerName, size: int) -> None:
        """Note from whom that is known which is known of an origin now, and how large it is."""
        self._release(origin)
        self._of[origin] = neighbour
        if origin == neighbour.peer:
            size = 0
        else:
            count, load = self.load(neighbour)
            self._loads[neighbour] = count + 1, load + size
        self._resize(origin, size)
        self._withdrawn.pop(origin, None)

    def withdraw(self, origin: PeerName, stamp: Stamp, now: float) -> None:
        """Note that what is known of an origin, up to a stamp, counts for a moment only."""
        before, times, _ = self._returns.get(origin, (NOTHING, 0, now))
        self._returns[origin] = (stamp, times + 1 if before == stamp else 1, now)
        self._release(origin)
        self._withdrawn[origin] = now + KEEP_WITHDRAWN

    def forget(self, origins: Iterable[PeerName]) -> None:
        """Note that nothing is known of some origins any more."""
        for origin in origins:
            self._release(origin)
            self._resize(origin, 0)
            self._withdrawn.pop(origin, None)

    def parted(self, neighbour: Neighbour) -> None:
        """End with a neighbour from which nothing is known any more."""
        self._loads.pop(neighbour, None)

    def expired(self, now: float) -> set[PeerName]:
        """Return what was withdrawn and not said again in time."""
        self._returns = {origin: entry for origin, entry in self._returns.items() if now - entry[2] < _REMEMBER_RETURNS}
        return {origin for origin, until in self._withdrawn.items() if until <= now}

    @property
    def expires_at(self) -> float | None:
        """When there will be more of these, or something to be forgotten about those before."""
        returns = (at + _REMEMBER_RETURNS for _, _, at in self._returns.values())
        return min((*self._withdrawn.values(), *returns), default=None)

    def _release(self, origin: PeerName) -> None:
        source = self._of.pop(origin, None)
        if source is not None and origin != source.peer:
            count, load = self.load(source)
            self._loads[source] = count - 1, load - self._sizes.get(origin, 0)

    def _resize(self, origin: PeerName, size: int) -> None:
        self.total += size - self._sizes.pop(origin, 0)
        if size:
            self._sizes[origin] = size
