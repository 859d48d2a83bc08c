"""Whether a peer and the link to it are alive: heartbeats on its connection, and what is concluded of them.

Two things can be wrong with a silent peer. Its *link* may be dead: then its kernel acknowledges nothing, and the
connection ends in less than three seconds. Or its router may be hung or busy: then its kernel still acknowledges what
is sent, and the connection waits for `DEAD_AFTER`.

Something that came back from the peer on the path of data shows that both are well, so while its path is probed and
answers come, no heartbeat is sent: TCP's own keep-alive, which is the kernel's work, holds the connection itself. A
router with many peers, or with little of a processor, probes each of them less often; its heartbeats wait as long. When
answers fail to come, the side that dialled sends a heartbeat every two seconds and looks whether it was acknowledged;
the other side answers every third one, and looks by itself when they fail to come, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from time import monotonic

from weave_http.router.mesh.sockets import DEAD_AFTER
from weave_http.router.mesh.wire import Wire

HEARTBEAT = 2.0
"""Seconds between heartbeats of the side that dialled, and from an answer on the path of data to the next heartbeat."""
OVERDUE = 0.1
"""Seconds after which the other side looks for a heartbeat that fails to come."""
_HEARTBEATS_AN_ANSWER = 2.5
LATE = 0.5
"""Seconds by which what comes back on the path of data may be later than it was expected."""
LINK_TIMEOUT = 0.7
"""Seconds, and a few round trips, within which a heartbeat is acknowledged when the link is alive."""
_ROUND_TRIPS = 3
_LOOK = 0.1
"""Seconds from one look at the kernel's acknowledgements to the next."""
_LEAST_PAUSE, _MOST_PAUSE = 0.05, 1.0
"""Seconds from one look at all connections to the next; a new one has more time than that until its first heartbeat."""


class Pulse:
    """The heartbeats of one connection.

    Args:
        wire: of the connection.
        outbound: whether we dialled.
        end: called with the reason when the link or the peer is dead.
    """

    def __init__(self, wire: Wire, *, outbound: bool, end: Callable[[str], None]) -> None:
        self._wire = wire
        self._outbound = outbound
        self._end = end
        self._looks = 0
        self._look_at: float | None = None
        self._proved_until = -inf
        self.begin()

    def begin(self) -> None:
        """Count from now on."""
        self._said_at = self._beat_at = monotonic()
        self._heard_by_clock = self._beat_by_clock = self._wire.clock.now()

    def said(self) -> None:
        """Note that something was sent."""
        self._said_at = monotonic()

    def heard(self) -> None:
        """Note that something came."""
        self._heard_by_clock = self._wire.clock.now()

    def proved(self, interval: float) -> None:
        """Note that something came back on the path of data: peer and link are well.

        Args:
            interval: seconds after which the next is expected.
        """
        self._heard_by_clock = self._wire.clock.now()
        self._proved_until = self._heard_by_clock + max(HEARTBEAT, interval + LATE)

    def answer(self) -> None:
        """Answer a heartbeat, if nothing was said for a while."""
        if not self._outbound and monotonic() - self._said_at > _HEARTBEATS_AN_ANSWER * HEARTBEAT:
            self._beat()

    def look(self) -> float:
        """Send a heartbeat if one is due, and look what became of the last one; return when to look again."""
        now, by_clock = monotonic(), self._wire.clock.now()
        patience = self._heard_by_clock + DEAD_AFTER - by_clock
        if patience <= 0:
            self._end(f"nothing heard for {DEAD_AFTER:.0f} s")
            return inf
        if self._look_at is not None:
            if now >= self._look_at:
                self._look_at = self._acknowledged(now)
            if self._look_at is not None:
                return self._look_at
        wait = self._due - by_clock
        if wait > 0:
            return now + min(wait, patience)
        self._beat()
        self._beat_at, self._beat_by_clock, self._look_at, self._looks = now, by_clock, now + LINK_TIMEOUT, 0
        return self._look_at

    @property
    def _due(self) -> float:
        """When the next heartbeat is to be sent, by the clock without our own lag."""
        if self._outbound:
            return max(self._beat_by_clock + HEARTBEAT, self._proved_until)
        return max(self._beat_by_clock + HEARTBEAT, max(self._heard_by_clock + HEARTBEAT, self._proved_until) + OVERDUE)

    def _acknowledged(self, now: float) -> float | None:
        """Return None when the link proved to be alive since the last heartbeat, else when to look again.

        It is looked at more than once, so that a lag of our own between the sending and the look does no harm.
        """
        unanswered = self._wire.unanswered
        if unanswered is None:
            return None
        since = now - self._beat_at
        silent = min(unanswered.silent, since)
        if silent < since - _LOOK:
            return None
        self._looks += 1
        if self._looks > 1 and silent > LINK_TIMEOUT + _ROUND_TRIPS * unanswered.round_trip:
            self._end(f"the link is dead: nothing acknowledged for {silent:.1f} s")
            return inf
        return now + _LOOK

    def _beat(self) -> None:
        self._wire.beat()
        self.said()


class Heartbeats:
    """The heartbeats of all connections of a router, in one task: with a timer each it would wake up far more often."""

    def __init__(self) -> None:
        self._look_at: dict[Pulse, float] = {}

    @contextmanager
    def of(self, pulse: Pulse) -> Iterator[None]:
        """Keep a connection's heartbeats going for a while."""
        pulse.begin()
        self._look_at[pulse] = 0.0
        try:
            yield
        finally:
            del self._look_at[pulse]

    async def run(self) -> None:
        """Keep them going until cancelled."""
        while True:
            await asyncio.sleep(min(max(_LEAST_PAUSE, self.look() - monotonic()), _MOST_PAUSE))

    def look(self) -> float:
        """Look at the connections of which it is time: nothing makes it earlier than was said. Return when next."""
        now = monotonic()
        for pulse in [pulse for pulse, at in self._look_at.items() if at <= now]:
            self._look_at[pulse] = pulse.look()
        return min(self._look_at.values(), default=inf)
