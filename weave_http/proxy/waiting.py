"""Waits for two connections at once."""

from __future__ import annotations

import select
from collections.abc import Iterable

from weave_http.engine.wire.channel import Channel


class Waiting:
    """Waits until something has come on one of some connections, or what is unsent is taken."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._watched: dict[int, tuple[Channel, int]] = {}

    def wait(self, wanted: Iterable[tuple[Channel, bool]]) -> bool:
        """Wait, and send what is unsent as far as it is taken.

        Args:
            wanted: connections, each with whether to wait for what comes on it.

        Returns:
            False if one of them is closed altogether, not only in its direction.
        """
        watched: dict[int, tuple[Channel, int]] = {}
        for channel, reading in wanted:
            events = select.POLLIN if reading and not channel.ended else 0
            events |= select.POLLOUT if channel.unsent else 0
            if events or channel.ended:
                if channel.fileno() < 0:
                    return False
                watched[channel.fileno()] = channel, events
        if watched != self._watched:  # seldom, and asking the same poll again is what costs least
            self._poll = select.poll()
            for descriptor, (_, events) in watched.items():
                self._poll.register(descriptor, events)
            self._watched = watched
        good = True
        for descriptor, event in self._poll.poll():
            channel, _ = watched[descriptor]
            if event & select.POLLOUT:
                channel.push()
            if channel.ended and event & (select.POLLHUP | select.POLLERR | select.POLLNVAL):
                good = False
        return good
