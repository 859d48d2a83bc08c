"""The plan: how each peer is reached, from facts and the time. Pure.

A connected peer gets frames at its own address, or over other hosts if nothing passes on the direct way. One whose
connection was lost without a goodbye still gets them for a while: the hosts may well still reach each other, and a
router that restarts must not interrupt what it doesn't carry. The same goes for destinations found in the kernel when
the router starts: an earlier router put them there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from ipaddress import IPv4Address
from typing import NamedTuple

from weave_http import constants
from weave_http.addresses import IP
from weave_http.net.relays import Relays, is_virtual
from weave_http.net.tunnel import RELAYED, is_tunnelled
from weave_http.net.wireguard import TunnelPeer

GRACE = 300.0
"""Seconds for which frames still go to a peer that was lost."""

RELAYED_GRACE = 20.0
"""The same for a way over other hosts, that an earlier router left."""


class Lost(NamedTuple):
    """A peer to which there is no connection any more, and that said no goodbye.

    Attributes:
        ip: its underlay address.
        at: when it was lost, in seconds of any clock that only goes forward.
        of: for an address that stands for a name: the name of the peer that was there last; empty if nobody knows.
    """

    ip: IP
    at: float
    of: str = ""


class Way(NamedTuple):
    """A way to a peer.

    Attributes:
        peer: its name.
        ip: underlay address that frames for it go to; one that stands for it if there are others in between.
        label: 0 for the direct way, else the UDP port by which those in between know it.
        via: names of the hosts in between, the nearest first.
        outer: underlay address that packets of the tunnel go to, if what goes there by `ip` goes through the tunnel
            over others.
    """

    peer: str
    ip: IP
    label: int = 0
    via: tuple[str, ...] = ()
    outer: IP | None = None


class Reach(NamedTuple):
    """All that the kernel has to do for frames between hosts.

    Attributes:
        ways: to each peer that frames go to.
        relays: this host's part in paths over others; None for what it is already.
        mtu: bytes of the largest packet that passes between all hosts.
        tunnel: peers of the tunnels, if there are any.
        clear: underlay addresses of the neighbours whose frames may come as they are, on whatever way ours go there:
            while it leads over others, probes still come directly.
    """

    ways: Mapping[str, Way]
    relays: Relays | None = None
    mtu: int = constants.GREATEST_MTU
    tunnel: tuple[TunnelPeer, ...] = ()
    clear: frozenset[IP] = frozenset()

    @property
    def destinations(self) -> frozenset[IP]:
        """Where frames for all go."""
        return frozenset(way.ip for way in self.ways.values())

    @property
    def sources(self) -> frozenset[IP]:
        """Underlay addresses that frames come from as they are, not out of a tunnel."""
        nexts = {leg.by for leg in self.relays.legs if not leg.tunnelled} if self.relays else set()
        return frozenset(
            self.clear | nexts | {ip for ip in self.destinations if not is_virtual(ip) and not is_tunnelled(ip)}
        )


def everybody(peer: str) -> bool:
    """Admit each peer."""
    return True


def plan(
    connected: Mapping[str, IP],
    lost: Mapping[str, Lost],
    now: float,
    relayed: Iterable[Way] = (),
    admits: Callable[[str], bool] = everybody,
) -> dict[str, Way]:
    """Return the way to each peer that frames must go to, no more and no fewer.

    Args:
        connected: addresses by name of the peers that there is a connection to.
        lost: peers that there was one to, by name.
        now: the time.
        relayed: ways over others that are to be used, at most one a peer.
        admits: tells whether frames may be exchanged with a peer at all.
    """
    direct = {peer: Way(peer, ip) for peer, ip in connected.items()}
    over_others = {way.peer: way for way in relayed if is_open(way, admits)}
    known = direct.keys() | over_others.keys()
    lingering = {
        peer: Way(peer, each.ip) for peer, each in lost.items() if now < each.at + GRACE and each.of not in known
    }
    # One address is one host: what an earlier router left does not count beside what is known by name.
    taken = {way.ip for way in over_others.values()}
    others = {peer: way for peer, way in (lingering | direct).items() if way.ip not in taken and admits(peer)}
    return others | over_others


def is_open(way: Way, admits: Callable[[str], bool]) -> bool:
    """Tell whether frames may be exchanged with a peer, and with those in between: one can't tell them apart."""
    return all(map(admits, (way.peer, *way.via)))


def open_relays(relays: Relays | None, ends: Mapping[IP, Way], admits: Callable[[str], bool]) -> Relays | None:
    """Return this host's part in paths without its ends of those that frames may not be exchanged by.

    Args:
        relays: its part; None for what an earlier router left.
        ends: the ways that legs are of, by virtual address.
        admits: tells whether frames may be exchanged with a peer; of what was left no names are known.
    """
    if relays is None:
        return None if admits("") else Relays()
    legs = tuple(leg for leg in relays.legs if leg.virtual in ends and is_open(ends[leg.virtual], admits))
    return relays if legs == relays.legs else Relays(legs, relays.forwards)


def adopted(destinations: Iterable[IP], now: float, remembered: Mapping[IP, str] | None = None) -> dict[str, Lost]:
    """Return destinations found in the kernel as lost peers; their addresses stand for their names.

    One over other hosts is soon found again, or there is a better way by then.

    Args:
        destinations: underlay addresses, or those that stand for a way over others or through a tunnel.
        now: the time.
        remembered: which peer was at which of them; it may be at another one by now. In a tunnel it has one address
            for ever, which stays until there is a key for it.
    """
    names = {ip: peer for ip, peer in (remembered or {}).items() if not is_tunnelled(ip)}
    return {
        str(ip): Lost(ip, now - GRACE + RELAYED_GRACE if _is_relayed(ip) else now, names.get(ip, ""))
        for ip in destinations
    }


def places(ways: Mapping[str, Way], before: Mapping[IP, str]) -> dict[IP, str]:
    """Return which peer is at which destination.

    Args:
        ways: to each peer; an address stands for a name that this router does not know.
        before: what was remembered.
    """
    named = {way.ip: before.get(way.ip, "") if peer == str(way.ip) else peer for peer, way in ways.items()}
    return {ip: peer for ip, peer in named.items() if peer}


def _is_relayed(ip: IP) -> bool:
    return is_virtual(ip) or (isinstance(ip, IPv4Address) and ip in RELAYED.network)


def with_lost(lost: Mapping[str, Lost], peer: str, ip: IP, now: float) -> dict[str, Lost]:
    """Return the lost peers with one more, without those whose time is over."""
    return {name: each for name, each in lost.items() if now < each.at + GRACE} | {peer: Lost(ip, now)}


def without(lost: Mapping[str, Lost], *, peers: Collection[str] = (), ips: Collection[IP] = ()) -> dict[str, Lost]:
    """Return the lost peers without those of some names, and without those that were at some addresses."""
    return {
        name: each for name, each in lost.items() if name not in peers and each.of not in peers and each.ip not in ips
    }
