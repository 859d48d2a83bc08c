"""Frames over this host from IPv4 to IPv6 and back: pairs of VXLAN devices, each of which sends what the other takes.

A path over other hosts is known by a UDP port. Where its two neighbours are of one family, rules turn one packet into
the other (`weave_http.net.relays`); between families the kernel translates nothing. So there is a device for each of
the two, on that port, which knows no other host than that neighbour and is on no bridge: the kernel unpacks what comes
from one and wraps it up for the other, and containers of this host see nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterable

from weave_http import constants
from weave_http.addresses import IP
from weave_http.net import links, nftables, sysctl, vxlan
from weave_http.net.links import Link
from weave_http.net.netlink import Netlink
from weave_http.net.netns import host_locked
from weave_http.net.relays import Forward
from weave_http.net.vxlan import Settings

TABLE = "weave-transit"
_PREFIX = "weave-t"


def device_of(version: int, label: int) -> str:
    """Return the name of a device.

    Args:
        version: of IP.
        label: UDP port by which the path is known.
    """
    return f"{_PREFIX}{version}-{label}"


def ensure(transits: Iterable[Forward]) -> None:
    """Have the devices for these, from IPv4 to IPv6 and back, and no others. Converges.

    Args:
        transits: of those with one label, the first one counts.

    Raises:
        HostError: the kernel refused.
    """
    pairs: dict[int, Forward] = {}
    for each in transits:
        pairs.setdefault(each.label, each)
    wanted = {
        device_of(ip.version, label): (ip, label) for label, each in pairs.items() for ip in (each.source, each.to)
    }
    with Netlink() as kernel, host_locked():
        there = {name for name in wanted if links.index_of(name) is not None} | links.names(kernel, "vxlan", _PREFIX)
        if not wanted and not there:
            return
        for name in there:
            if name not in wanted or vxlan.settings_of(kernel, name) != _settings(*wanted[name]):
                links.delete_link(kernel, name)
        found = {name: _ensure(kernel, name, *each) for name, each in wanted.items()}
        chains = nftables.chains(TABLE)
        for name in chains - found.keys():
            nftables.delete_chain(TABLE, name)
        for name, (ip, label) in wanted.items():
            other = found[device_of(10 - ip.version, label)]
            if name not in chains or name not in there or other.name not in there:
                nftables.put_forward(TABLE, name, other.index)
        if not found:
            nftables.delete_table(TABLE)


def _settings(ip: IP, label: int) -> Settings:
    return Settings(constants.VNI, label, learning=False, remote=ip)


def _ensure(kernel: Netlink, name: str, ip: IP, label: int) -> Link:
    link = links.get_link(kernel, name) or vxlan.create(kernel, name, _settings(ip, label), ip.version)
    sysctl.set_ipv6(name)
    if not link.up:
        links.set_link(kernel, link, up=True)
    return link
