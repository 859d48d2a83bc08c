"""The kernel's VXLAN device: how frames of the bridge reach the other hosts.

One device a bridge, with learning on: the kernel notes behind which host it last saw an address, and sends a
frame for an unknown one, or for all, to every *flood destination*: an FDB entry for the address 00:00:00:00:00:00
with the other host's underlay address. Who is a flood destination is the router's decision; this module knows
neither peers nor time. Every function opens its own netlink socket (far below 1 ms), so any thread may call it.

The outer packet does not carry DF (kernel default): with the overlay's MTU derived from the underlay's it never
needs to be cut, and where some path is narrower than its ends, a cut packet beats a lost one.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from weave_http import constants
from weave_http.addresses import IP, parse_ip
from weave_http.errors import HostError
from weave_http.net import links, netlink, sysctl
from weave_http.net.links import Link
from weave_http.net.messages import ifinfmsg, ndmsg
from weave_http.net.netlink import Netlink, NetlinkError
from weave_http.net.netns import host_locked

OVERHEAD = 50
"""Bytes that VXLAN over IPv4 adds to a packet: Ethernet 14, VXLAN 8, UDP 8, IP 20."""
_ANY_ADDRESS = "00:00:00:00:00:00"
_NTF_SELF = 0x02
_NUD_NOARP_PERMANENT = 0x40 | 0x80
_APPEND = 0x400 | 0x800
_ADDRESS_GENERATION_NONE = 1


@dataclass(frozen=True, slots=True)
class Vxlan:
    """VXLAN as a `weave_http.net.backend.Backend`.

    Args:
        port: UDP port, the same on all hosts, and for all networks.
        overhead: bytes that it adds to a packet.
        bridge: name of the bridge that the device is on.
        device: its name.
        vni: number of the network.
    """

    port: int
    overhead: int = OVERHEAD
    bridge: str = constants.BRIDGE
    device: str = constants.VXLAN_DEVICE
    vni: int = constants.VNI

    def ensure(self, mtu: int) -> None:
        """Have the device on the bridge, up. Raises `HostError`."""
        ensure_vxlan(self.bridge, self.port, mtu, self.device, self.vni)

    def destinations(self) -> set[IP]:
        """Return the flood destinations. Raises `HostError`."""
        return flood_destinations(self.device)

    def apply(self, destinations: Collection[IP]) -> bool:
        """Have these flood destinations; return whether there were others. Raises `HostError`.

        What was learnt to be elsewhere goes, too: frames that were under way when a destination went teach it anew.
        """
        wanted, there = set(destinations), flood_destinations(self.device)
        for ip in sorted((there | set(learnt(self.device).values())) - wanted, key=_order):
            remove_flood(ip, self.device)
        for ip in sorted(wanted - there, key=_order):
            add_flood(ip, self.device)
        return there != wanted

    def remove(self) -> None:
        """Remove the device. Raises `HostError`."""
        remove_vxlan(self.device)


def ensure_vxlan(
    bridge: str, port: int, mtu: int, device: str = constants.VXLAN_DEVICE, vni: int = constants.VNI
) -> None:
    """Make the VXLAN device exist on a bridge, up, with this port and MTU; changes nothing that is right already.

    Args:
        bridge: name of an existing bridge.
        port: UDP port, the same on all hosts.
        mtu: of the overlay, in bytes.

    Raises:
        HostError: no such bridge, no VXLAN in this kernel, or the port is taken.
    """
    with Netlink() as kernel, host_locked():
        master = links.get_link(kernel, bridge)
        if master is None:
            raise HostError(f"there is no bridge {bridge} to put {device} on")
        link = links.get_link(kernel, device)
        if link is not None and not _is_right(kernel, link, port, vni):
            links.delete_link(kernel, link.name)
            link = None
        if link is None:
            link = _create(kernel, device, vni, port, mtu)
        if link.mtu != mtu:
            links.set_link(kernel, link, mtu=mtu)
        sysctl.set_ipv6(link.name)
        if link.master != master.index:
            links.set_link(kernel, link, master=master.index)
        if not link.up:
            try:
                links.set_link(kernel, link, up=True)
            except NetlinkError as error:
                if error.code != errno.EADDRINUSE:
                    raise
                hint = "stop what uses it, or choose another port"
                raise HostError(f"UDP port {port}, for data of peers, is taken on this host", hint=hint) from error


def remove_vxlan(device: str = constants.VXLAN_DEVICE) -> None:
    """Delete the VXLAN device, and with it all flood destinations; nothing happens when there is none."""
    with Netlink() as kernel, host_locked():
        links.delete_link(kernel, device)


def flood_destinations(device: str = constants.VXLAN_DEVICE) -> set[IP]:
    """Return the underlay addresses that get frames for unknown and for all; empty without a device."""
    with Netlink() as kernel:
        link = links.get_link(kernel, device)
        if link is None:
            return set()
        return {ip for mac, ip in _entries(kernel, link) if mac == _ANY_ADDRESS}


def learnt(device: str = constants.VXLAN_DEVICE) -> dict[str, IP]:
    """Return behind which host each address was last seen: underlay addresses by MAC; empty without a device."""
    with Netlink() as kernel:
        link = links.get_link(kernel, device)
        found = _entries(kernel, link) if link else []
    return {mac: ip for mac, ip in found if mac != _ANY_ADDRESS}


def add_flood(ip: IP, device: str = constants.VXLAN_DEVICE) -> None:
    """Add a flood destination; fine when it is there already.

    Args:
        ip: the other host's underlay address.
        device: name of the VXLAN device.

    Raises:
        HostError: no VXLAN device, or the kernel refused.
    """
    with Netlink() as kernel:
        link = links.get_link(kernel, device)
        if link is None:
            raise HostError(f"there is no {device} to add the destination {ip} to")
        entry = _entry(link, _ANY_ADDRESS, ip)
        kernel.execute(entry, netlink.RTM_NEWNEIGH, _APPEND, f"add the destination {ip} to {link.name}")


def remove_flood(ip: IP, device: str = constants.VXLAN_DEVICE) -> None:
    """Take a flood destination away, and all that was learnt to be behind it; fine when there is none.

    Args:
        ip: the other host's underlay address.
        device: name of the VXLAN device.
    """
    with Netlink() as kernel:
        link = links.get_link(kernel, device)
        if link is None:
            return
        for mac in [mac for mac, address in _entries(kernel, link) if address == ip]:
            doing = f"delete the destination {ip} of {mac} from {link.name}"
            try:
                kernel.execute(_entry(link, mac, ip), netlink.RTM_DELNEIGH, 0, doing)
            except NetlinkError as error:
                if error.code != errno.ENOENT:  # aged out since it was listed
                    raise


def _create(kernel: Netlink, device: str, vni: int, port: int, mtu: int) -> Link:
    data = [
        ("IFLA_VXLAN_ID", vni),
        ("IFLA_VXLAN_PORT", port),
        ("IFLA_VXLAN_LEARNING", 1),
    ]
    try:
        links.add_link(kernel, device, "vxlan", data, [("IFLA_MTU", mtu)])
    except NetlinkError as error:
        if error.code != errno.EOPNOTSUPP:
            raise
        raise HostError("this kernel has no VXLAN", hint="modprobe vxlan") from error
    link = links.get_link(kernel, device)
    if link is None:
        raise HostError(f"{device} vanished while it was being made")
    _silence(kernel, link)
    return link


def _silence(kernel: Netlink, link: Link) -> None:
    """Keep the device from speaking IPv6 on its own: all it would say goes to every host."""
    message = ifinfmsg()
    message["index"] = link.index
    inet6 = {"attrs": [("IFLA_INET6_ADDR_GEN_MODE", _ADDRESS_GENERATION_NONE)]}
    message["attrs"] = [("IFLA_AF_SPEC", {"attrs": [("AF_INET6", inet6)]})]
    try:
        kernel.execute(message, netlink.RTM_NEWLINK, 0, f"keep {link.name} without an IPv6 address")
    except NetlinkError as error:
        if error.code not in {errno.EAFNOSUPPORT, errno.EOPNOTSUPP}:  # a kernel without IPv6
            raise


def _is_right(kernel: Netlink, link: Link, port: int, vni: int) -> bool:
    """Return whether what can't be changed later is as it must be."""
    if link.kind != "vxlan":
        return False
    message = ifinfmsg()
    message["index"] = link.index
    answer = kernel.get(message, netlink.RTM_GETLINK, f"look at {link.name}")
    data = answer.get_attr("IFLA_LINKINFO").get_attr("IFLA_INFO_DATA")
    wanted = {"IFLA_VXLAN_ID": vni, "IFLA_VXLAN_PORT": port, "IFLA_VXLAN_LEARNING": 1}
    return all(data.get_attr(key) == value for key, value in wanted.items())


def _entry(link: Link, mac: str, ip: IP) -> Any:
    message = ndmsg()
    message["family"] = socket.AF_BRIDGE
    message["ifindex"] = link.index
    message["state"] = _NUD_NOARP_PERMANENT
    message["flags"] = _NTF_SELF
    message["attrs"] = [("NDA_LLADDR", mac), ("NDA_DST", str(ip))]
    return message


def _entries(kernel: Netlink, link: Link) -> list[tuple[str, IP]]:
    """Return MAC and destination of the device's FDB entries that have a destination."""
    message = ndmsg()
    message["family"] = socket.AF_BRIDGE
    message["ifindex"] = link.index

    def read(answer: Any) -> tuple[str, IP] | None:
        mac, ip = answer.get_attr("NDA_LLADDR"), answer.get_attr("NDA_DST")
        return (mac, parse_ip(ip)) if answer["ifindex"] == link.index and mac and ip else None

    found = kernel.dump(message, netlink.RTM_GETNEIGH, f"list the destinations of {link.name}", read=read)
    return [entry for entry in found if entry is not None]


def _order(ip: IP) -> tuple[int, int]:
    return ip.version, int(ip)
