"""Later lives of origins, passed on towards them.

An origin that comes back without a memory, and with a clock that went back, has an earlier stamp than what others still
hold of it, and they would not listen. Whoever sees two lives of an origin passes the later stamp on to that side which
is nearer to it, from neighbour to neighbour. The origin goes beyond that stamp, and wins everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable

from weave_http.router.mesh.facts import NOTHING, Stamp
from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.neighbours import Neighbour

AGAIN = 1.0
"""Seconds after which a neighbour is told the same again, should it not have helped."""


class Lives:
    """What neighbours have to be told of later lives.

    Attributes:
        news: set when something has to be told.
    """

    def __init__(self) -> None:
        self.news = False
        self._due: dict[Neighbour, dict[PeerName, Stamp]] = {}
        self._told: dict[Neighbour, dict[PeerName, tuple[Stamp, float]]] = {}

    def met(self, neighbour: Neighbour) -> None:
        """Begin with a neighbour."""
        self._due[neighbour], self._told[neighbour] = {}, {}

    def parted(self, neighbour: Neighbour) -> None:
        """End with a neighbour."""
        del self._due[neighbour], self._told[neighbour]

    def forget(self, origins: Iterable[PeerName]) -> None:
        """Note that nothing is known of some origins any more."""
        for origin in origins:
            for due, told in zip(self._due.values(), self._told.values(), strict=True):
                due.pop(origin, None)
                told.pop(origin, None)

    def compare(
        self, neighbour: Neighbour, origin: PeerName, said: Stamp, known: Stamp, source: Neighbour | None, now: float
    ) -> None:
        """Have the side that goes by an earlier life of an origin told of the later one.

        Args:
            neighbour: who says something of the origin.
            origin: of whom.
            said: the stamp by which the neighbour goes.
            known: the one by which we go.
            source: from whom we have that.
            now: the time, in seconds of any clock that only goes forward.
        """
        if NOTHING in (said, known) or said.uid == known.uid:
            return
        later, side = (known, neighbour) if said.uid < known.uid else (said, source)
        if side is None or (side is neighbour and later is said):  # of a new life we hear on the way by which it came
            return
        before, at = self._told[side].get(origin, (NOTHING, 0.0))
        if later > before or now >= at + AGAIN:
            self._told[side][origin] = later, now
            self._due[side][origin] = later
            self.news = True

    def owes(self, neighbour: Neighbour) -> bool:
        """Tell whether a neighbour has to be told something."""
        return bool(self._due[neighbour])

    def take(self, neighbour: Neighbour) -> dict[PeerName, Stamp]:
        """Return what a neighbour has to be told now; it counts as told."""
        due, self._due[neighbour] = self._due[neighbour], {}
        return due
