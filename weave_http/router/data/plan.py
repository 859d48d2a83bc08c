"""The plan: at which underlay address each peer is reached, from the router's own connections and the time. Pure.

A connected peer gets frames. One whose connection was lost without a goodbye still gets them for a while: the hosts
may well still reach each other, and a router that restarts must not interrupt what it doesn't carry. The same goes for
destinations found in the kernel when the router starts: an earlier router put them there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from weave_http.addresses import IP

GRACE = 300.0
"""Seconds for which frames still go to a peer that was lost."""


class Lost(NamedTuple):
    """A peer to which there is no connection any more, and that said no goodbye.

    Attributes:
        ip: its underlay address.
        at: when it was lost, in seconds of any clock that only goes forward.
    """

    ip: IP
    at: float


def plan(connected: Mapping[str, IP], lost: Mapping[str, Lost], now: float) -> dict[str, IP]:
    """Return the underlay address of each peer that frames must go to, no more and no fewer.

    Args:
        connected: addresses by name of the peers that there is a connection to.
        lost: peers that there was one to, by name.
        now: the time.
    """
    lingering = {peer: each.ip for peer, each in lost.items() if now < each.at + GRACE}
    return lingering | dict(connected)


def adopted(destinations: Iterable[IP], now: float) -> dict[str, Lost]:
    """Return destinations found in the kernel as lost peers; their addresses stand for names that nobody knows."""
    return {str(ip): Lost(ip, now) for ip in destinations}


def with_lost(lost: Mapping[str, Lost], peer: str, ip: IP, now: float) -> dict[str, Lost]:
    """Return the lost peers with one more, without those whose time is over."""
    return {name: each for name, each in lost.items() if now < each.at + GRACE} | {peer: Lost(ip, now)}


def without(lost: Mapping[str, Lost], *, peers: Collection[str] = (), ips: Collection[IP] = ()) -> dict[str, Lost]:
    """Return the lost peers without those of some names, and without those that were at some addresses."""
    return {name: each for name, each in lost.items() if name not in peers and each.ip not in ips}
