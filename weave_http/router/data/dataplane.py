"""Which hosts get frames for all: decided here, from connections and time; done by `weave_http.net.vxlan`. Pure.

A connected peer is a flood destination. One whose connection was lost without a goodbye stays one for a while: the
hosts may well still reach each other, and a router that restarts must not interrupt what it doesn't carry. The same
goes for the destinations found in the kernel when the router starts: an earlier router put them there.
"""

from __future__ import annotations

from collections.abc import Iterable

GRACE = 300.0
"""Seconds for which frames still go to a peer that was lost."""


class FloodPlan:
    """The flood destinations that there must be. Times are seconds of any clock that only goes forward."""

    def __init__(self) -> None:
        self._connected: dict[str, str] = {}
        self._lingering: dict[str, tuple[str, float]] = {}

    def adopt(self, destinations: Iterable[str], now: float) -> None:
        """Keep destinations that were found in the kernel.

        Args:
            destinations: underlay addresses.
            now: the time.
        """
        for ip in destinations:
            self._lingering[ip] = ("", now + GRACE)

    def up(self, peer: str, ip: str) -> None:
        """Note a connection to a peer, and its underlay address."""
        self._connected[peer] = ip
        self._lingering = {old: entry for old, entry in self._lingering.items() if old != ip and entry[0] != peer}

    def down(self, peer: str, now: float, *, goodbye: bool) -> None:
        """Note that there is no connection to a peer any more.

        Args:
            peer: its name.
            now: the time.
            goodbye: whether it said that it leaves.
        """
        ip = self._connected.pop(peer, None)
        self._lingering = {old: entry for old, entry in self._lingering.items() if entry[1] > now}
        if ip is not None and not goodbye:
            self._lingering[ip] = (peer, now + GRACE)

    def forget(self, ip: str) -> None:
        """End the grace of an address; a connected peer's stays."""
        self._lingering.pop(ip, None)

    def forget_peer(self, peer: str) -> None:
        """End the grace of a peer that was lost."""
        self._lingering = {ip: entry for ip, entry in self._lingering.items() if entry[0] != peer}

    def wanted(self, now: float) -> set[str]:
        """Return the underlay addresses that must be flood destinations, no more and no fewer."""
        return {
            *self._connected.values(),
            *(ip for ip, (_, until) in self._lingering.items() if until > now),
        }
