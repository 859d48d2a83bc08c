"""The kernel's VXLAN devices: how frames of the bridge reach the other hosts.

One device on a bridge, and a second one while hosts are reached over IPv6: the kernel opens a device's socket for one
family of underlay addresses. Both are isolated ports of the bridge, so what comes in by one never leaves by the other,
as what comes in by one does not leave by the same.

Learning is on: the kernel notes behind which host it last saw an address, and sends a frame for an unknown one, or for
all, to every *flood destination*: an FDB entry for the address 00:00:00:00:00:00 with the other host's underlay
address. Who is a flood destination is the router's decision; this module knows neither peers nor time. Every function
opens its own netlink socket (far below 1 ms), so any thread may call it.

The outer packet does not carry DF (kernel default): with the overlay's MTU derived from the underlay's it never
needs to be cut, and where some path is narrower than its ends, a cut packet beats a lost one.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from weave_http import constants
from weave_http.addresses import IP, order, parse_ip
from weave_http.errors import HostError
from weave_http.net import links, netlink, sysctl
from weave_http.net.links import Link
from weave_http.net.messages import ifinfmsg, ndmsg
from weave_http.net.netlink import Netlink, NetlinkError
from weave_http.net.netns import host_locked

OVERHEAD = 50
"""Bytes that VXLAN over IPv4 adds to a packet: Ethernet 14, VXLAN 8, UDP 8, IP 20."""
MORE_6 = 20
"""How many more IPv6 takes: its header has 40."""
_ANY_ADDRESS = "00:00:00:00:00:00"
_NTF_SELF = 0x02
_NTF_MASTER = 0x04
_NUD_NOARP_PERMANENT = 0x40 | 0x80
_NDMSG = struct.Struct("=4xi4x")
"""Header of an entry; of it the index of the device."""
_NDA_DST, _NDA_LLADDR = 1, 2
_APPEND = 0x400 | 0x800
_ADDRESS_GENERATION_NONE = 1


@dataclass(frozen=True, slots=True)
class Vxlan:
    """VXLAN as a `weave_http.net.backend.Backend`.

    Args:
        port: UDP port, the same on all hosts, and for all networks.
        local: address of this host that frames are sent from; None to leave that to the routes.
        overhead: bytes that it adds to a packet over IPv4.
        bridge: name of the bridge that the devices are on.
        devices: their names, of that for IPv4 and of that for IPv6 underneath.
        vni: number of the network.
    """

    port: int
    local: IP | None = None
    overhead: int = OVERHEAD
    bridge: str = constants.BRIDGE
    devices: tuple[str, str] = (constants.VXLAN_DEVICE, constants.VXLAN_DEVICE_6)
    vni: int = constants.VNI

    def ensure(self, mtu: int) -> None:
        """Have the device on the bridge, up, and that of IPv6 as it must be if there is one. Raises `HostError`."""
        self._ensure(mtu, 4)
        if exists(self._device(6)):
            self._ensure(mtu, 6)

    def destinations(self) -> set[IP]:
        """Return the flood destinations. Raises `HostError`."""
        return flood_destinations(self._device(4)) | flood_destinations(self._device(6))

    def apply(self, destinations: Collection[IP], neighbours: Collection[IP] = ()) -> bool:
        """Have these flood destinations; return whether there were others.

        What was learnt to be elsewhere goes, too: frames that were under way when a destination went teach it anew.
        New ones come before others go: a host whose address or way changes is reached at every moment.

        Args:
            destinations: all of them.
            neighbours: hosts from which frames or probes come: while some are of IPv6, there is a device for it.

        Raises:
            HostError: the kernel refused. What there is of IPv4 is right all the same.
        """
        four, six = ({ip for ip in destinations if ip.version == version} for version in (4, 6))
        wanted, there = any(ip.version == 6 for ip in (*destinations, *neighbours)), exists(self._device(6))
        before = self._add(four, 4)
        before_6: list[tuple[str, IP]] = []
        try:
            if wanted and not there:
                self._ensure(_mtu_of(self._device(4)), 6)
            if there or six:
                before_6 = self._add(six, 6)
        finally:
            self._remove_others(before, four, 4)
        self._remove_others(before_6, six, 6)
        if there and not wanted:
            remove_vxlan(self._device(6))
        return (_flooded(before), _flooded(before_6)) != (four, six)

    def _add(self, wanted: set[IP], version: int) -> list[tuple[str, IP]]:
        """Have these flood destinations at least; return MAC and destination of the entries that there were."""
        before = _listed(self._device(version))
        for ip in sorted(wanted - _flooded(before), key=order):
            add_flood(ip, self._device(version))
        return before

    def _remove_others(self, before: Iterable[tuple[str, IP]], wanted: set[IP], version: int) -> None:
        for ip in sorted({ip for _, ip in before} - wanted, key=order):
            remove_flood(ip, self._device(version))

    def _ensure(self, mtu: int, version: int) -> None:
        ensure_vxlan(self.bridge, self.port, mtu, self._device(version), self.vni, version=version, local=self.local)

    def _device(self, version: int) -> str:
        four, six = self.devices
        return four if version == 4 else six

    def remove(self) -> None:
        """Remove the devices. Raises `HostError`."""
        for device in self.devices:
            remove_vxlan(device)


def exists(device: str) -> bool:
    """Tell whether there is a device of that name."""
    return links.index_of(device) is not None


def ensure_vxlan(
    bridge: str,
    port: int,
    mtu: int,
    device: str = constants.VXLAN_DEVICE,
    vni: int = constants.VNI,
    *,
    version: int = 4,
    local: IP | None = None,
) -> None:
    """Make a VXLAN device exist on a bridge, up, with this port and MTU; changes nothing that is right already.

    Args:
        bridge: name of an existing bridge.
        port: UDP port, the same on all hosts.
        mtu: of the overlay, in bytes.
        device: name of the VXLAN device.
        vni: number of the network.
        version: of IP underneath.
        local: address of this host that frames are sent from, if it is of that version.

    Raises:
        HostError: no such bridge, no VXLAN in this kernel, or the port is taken.
    """
    source = local if local is not None and local.version == version else None
    with Netlink() as kernel, host_locked():
        master = links.get_link(kernel, bridge)
        if master is None:
            raise HostError(f"there is no bridge {bridge} to put {device} on")
        link = links.get_link(kernel, device)
        if link is not None and not _is_right(kernel, link, port, vni, source):
            links.delete_link(kernel, link.name)
            link = None
        if link is None:
            link = _create(kernel, device, vni, port, mtu, version, source)
        if link.mtu != mtu:
            links.set_link(kernel, link, mtu=mtu)
        sysctl.set_ipv6(link.name)
        if link.master != master.index:
            links.set_link(kernel, link, master=master.index)
        if not link.isolated:
            _isolate(kernel, link)
        if not link.up:
            try:
                links.set_link(kernel, link, up=True)
            except NetlinkError as error:
                if error.code == errno.EAFNOSUPPORT:
                    raise HostError(f"this host has IPv6 off, and {link.name} needs it") from error
                if error.code != errno.EADDRINUSE:
                    raise
                hint = "stop what uses it, or choose another port"
                raise HostError(f"UDP port {port}, for data of peers, is taken on this host", hint=hint) from error


def remove_vxlan(device: str = constants.VXLAN_DEVICE) -> None:
    """Delete a VXLAN device, and with it all flood destinations; nothing happens when there is none."""
    with Netlink() as kernel, host_locked():
        links.delete_link(kernel, device)


def flood_destinations(device: str = constants.VXLAN_DEVICE) -> set[IP]:
    """Return the underlay addresses that get frames for unknown and for all; empty without a device."""
    return _flooded(_listed(device))


def _flooded(entries: Iterable[tuple[str, IP]]) -> set[IP]:
    return {ip for mac, ip in entries if mac == _ANY_ADDRESS}


def learnt(device: str = constants.VXLAN_DEVICE) -> dict[str, IP]:
    """Return behind which host each address was last seen: underlay addresses by MAC; empty without a device."""
    return {mac: ip for mac, ip in _listed(device) if mac != _ANY_ADDRESS}


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


def _mtu_of(name: str) -> int:
    with Netlink() as kernel:
        link = links.get_link(kernel, name)
    if link is None:
        raise HostError(f"there is no {name}")
    return link.mtu


def _create(kernel: Netlink, device: str, vni: int, port: int, mtu: int, version: int, source: IP | None) -> Link:
    data = [
        ("IFLA_VXLAN_ID", vni),
        ("IFLA_VXLAN_PORT", port),
        ("IFLA_VXLAN_LEARNING", 1),
        # Any address, if none is given; it says which family.
        *([("IFLA_VXLAN_LOCAL6", str(source or "::"))] if version == 6 else []),
        *([("IFLA_VXLAN_LOCAL", str(source))] if version == 4 and source else []),
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
    silence(kernel, link)
    return link


def _isolate(kernel: Netlink, port: Link) -> None:
    """Have a port of a bridge exchange no frames with others that are isolated, too."""
    message = ifinfmsg()
    message["index"] = port.index
    data = {"attrs": [("IFLA_BRPORT_ISOLATED", 1)]}
    info = [("IFLA_INFO_SLAVE_KIND", "bridge"), ("IFLA_INFO_SLAVE_DATA", data)]
    message["attrs"] = [("IFLA_LINKINFO", {"attrs": info})]
    kernel.execute(message, netlink.RTM_NEWLINK, 0, f"isolate {port.name}")


def silence(kernel: Netlink, link: Link) -> None:
    """Keep a device from speaking IPv6 on its own: all it would say goes to every host."""
    message = ifinfmsg()
    message["index"] = link.index
    inet6 = {"attrs": [("IFLA_INET6_ADDR_GEN_MODE", _ADDRESS_GENERATION_NONE)]}
    message["attrs"] = [("IFLA_AF_SPEC", {"attrs": [("AF_INET6", inet6)]})]
    try:
        kernel.execute(message, netlink.RTM_NEWLINK, 0, f"keep {link.name} without an IPv6 address")
    except NetlinkError as error:
        if error.code not in {errno.EAFNOSUPPORT, errno.EOPNOTSUPP}:  # a kernel without IPv6
            raise


def _is_right(kernel: Netlink, link: Link, port: int, vni: int, source: IP | None) -> bool:
    """Return whether what can't be changed later is as it must be."""
    if link.kind != "vxlan":
        return False
    message = ifinfmsg()
    message["index"] = link.index
    answer = kernel.get(message, netlink.RTM_GETLINK, f"look at {link.name}")
    data = answer.get_attr("IFLA_LINKINFO").get_attr("IFLA_INFO_DATA")
    wanted = {"IFLA_VXLAN_ID": vni, "IFLA_VXLAN_PORT": port, "IFLA_VXLAN_LEARNING": 1}
    local = data.get_attr("IFLA_VXLAN_LOCAL") or data.get_attr("IFLA_VXLAN_LOCAL6")
    same_source = (parse_ip(local) if local else None) == source
    return same_source and all(data.get_attr(key) == value for key, value in wanted.items())


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


def _listed(device: str) -> list[tuple[str, IP]]:
    """Return MAC and destination of a device's FDB entries that have a destination; none without a device."""
    index = links.index_of(device)
    if index is None:
        return []
    with Netlink() as kernel:
        return _entries(kernel, index, device)


def _entries(kernel: Netlink, index: int, device: str) -> list[tuple[str, IP]]:
    """Return MAC and destination of the device's FDB entries that have a destination."""
    message = ndmsg()
    message["family"] = socket.AF_BRIDGE
    message["ifindex"] = index

    def take(body: memoryview) -> tuple[str, IP] | None:
        (found,) = _NDMSG.unpack_from(body)
        mac, ip = (netlink.attribute(body, _NDMSG.size, kind) for kind in (_NDA_LLADDR, _NDA_DST))
        return (mac.hex(":"), ip_address(bytes(ip))) if found == index and mac and ip else None

    return kernel.scan(message, netlink.RTM_GETNEIGH, f"list the destinations of {device}", take)
