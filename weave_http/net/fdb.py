"""A VXLAN device's forwarding database: behind which host an address is, and who gets what goes to all.

An entry for the address 00:00:00:00:00:00 is a *flood destination*: it gets frames for all, and for addresses that the
kernel has not learnt. Every function opens its own netlink socket (far below 1 ms), so any thread may call it.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any

from weave_http import constants
from weave_http.addresses import IP
from weave_http.errors import HostError
from weave_http.net import links, netlink
from weave_http.net.messages import ndmsg
from weave_http.net.netlink import Netlink, NetlinkError

_ANY_ADDRESS = "00:00:00:00:00:00"
_NTF_SELF = 0x02
_NTF_MASTER = 0x04
_NUD_NOARP_PERMANENT = 0x40 | 0x80
_ATTRIBUTES = 12
"""Where the attributes of an undecoded entry begin."""
_NDA_DST, _NDA_LLADDR = 1, 2
_APPEND = 0x400 | 0x800


def entries(device: str) -> list[tuple[str, IP]]:
    """Return MAC and destination of a device's FDB entries that have a destination; none without a device."""
    index = links.index_of(device)
    if index is None:
        return []
    with Netlink() as kernel:
        return _entries(kernel, index, device)


def flood_destinations(device: str = constants.VXLAN_DEVICE) -> set[IP]:
    """Return the underlay addresses that get frames for unknown and for all; empty without a device."""
    return flooded(entries(device))


def flooded(found: Iterable[tuple[str, IP]]) -> set[IP]:
    """Return the flood destinations among these entries."""
    return {ip for mac, ip in found if mac == _ANY_ADDRESS}


def learnt(device: str = constants.VXLAN_DEVICE) -> dict[str, IP]:
    """Return behind which host each address was last seen: underlay addresses by MAC; empty without a device."""
    return {mac: ip for mac, ip in entries(device) if mac != _ANY_ADDRESS}


def add_flood(ip: IP, device: str = constants.VXLAN_DEVICE) -> None:
    """Add a flood destination; fine when it is there already.

    Args:
        ip: the other host's underlay address.
        device: name of the VXLAN device, which is for addresses like that.

    Raises:
        HostError: no VXLAN device, or the kernel refused.
    """
    index = links.index_of(device)
    if index is None:
        raise HostError(f"there is no {device} to add the destination {ip} to")
    with Netlink() as kernel:
        entry = _entry(index, _ANY_ADDRESS, ip)
        kernel.execute(entry, netlink.RTM_NEWNEIGH, _APPEND, f"add the destination {ip} to {device}")


def remove_flood(ip: IP, device: str = constants.VXLAN_DEVICE) -> None:
    """Take a flood destination away, and all that was learnt to be behind it; fine when there is none.

    The bridge forgets these addresses as well: it may be the other device that leads to them now.

    Args:
        ip: the other host's underlay address.
        device: name of the VXLAN device.
    """
    with Netlink() as kernel:
        link = links.get_link(kernel, device)
        if link is None:
            return
        for mac in [mac for mac, address in _entries(kernel, link.index, device) if address == ip]:
            entry, port_entry = _entry(link.index, mac, ip), _port_entry(link.index, mac)
            # What comes in between these steps teaches the bridge again: it must not know a port that leads nowhere.
            learnt_by_bridge = [port_entry] if mac != _ANY_ADDRESS and link.master else []
            for each in (*learnt_by_bridge, entry, *learnt_by_bridge):
                _delete(kernel, each, f"delete the destination {ip} of {mac} from {link.name}")


def _delete(kernel: Netlink, entry: Any, doing: str) -> None:
    try:
        kernel.execute(entry, netlink.RTM_DELNEIGH, 0, doing)
    except NetlinkError as error:
        if error.code != errno.ENOENT:  # aged out since it was listed
            raise


def _entry(index: int, mac: str, ip: IP) -> Any:
    message = _port_entry(index, mac)
    message["state"] = _NUD_NOARP_PERMANENT
    message["flags"] = _NTF_SELF
    message["attrs"] = [("NDA_LLADDR", mac), ("NDA_DST", str(ip))]
    return message


def _port_entry(index: int, mac: str) -> Any:
    """Return the entry by which the bridge knows that an address is behind one of its ports."""
    message = ndmsg()
    message["family"] = socket.AF_BRIDGE
    message["ifindex"] = index
    message["flags"] = _NTF_MASTER
    message["attrs"] = [("NDA_LLADDR", mac)]
    return message


def _entries(kernel: Netlink, index: int, device: str) -> list[tuple[str, IP]]:
    """Return MAC and destination of the device's FDB entries that have a destination."""
    message = ndmsg()
    message["family"] = socket.AF_BRIDGE
    message["ifindex"] = index

    def take(body: memoryview) -> tuple[str, IP] | None:
        mac, ip = (netlink.attribute(body, _ATTRIBUTES, kind) for kind in (_NDA_LLADDR, _NDA_DST))
        return (mac.hex(":"), ip_address(bytes(ip))) if links.raw_index(body) == index and mac and ip else None

    return kernel.scan(message, netlink.RTM_GETNEIGH, f"list the destinations of {device}", take)
