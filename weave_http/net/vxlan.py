"""The kernel's VXLAN devices: how frames of the bridge reach the other hosts.

One device on a bridge, and a second one while hosts are reached over IPv6: the kernel opens a device's socket for one
family of underlay addresses. Both are isolated ports of the bridge, so what comes in by one never leaves by the other,
as what comes in by one does not leave by the same.

Learning is on: the kernel notes behind which host it last saw an address, and sends a frame for an unknown one, or for
all, to every *flood destination*: an FDB entry for the address 00:00:00:00:00:00 with the other host's underlay
address (`weave_http.net.fdb`). Who is a flood destination is the router's decision; this module knows neither peers nor
time. Every function of it that is not handed a netlink socket opens its own (far below 1 ms): any thread may call it.

The outer packet does not carry DF (kernel default): with the overlay's MTU derived from the underlay's it never
needs to be cut, and where some path is narrower than its ends, a cut packet beats a lost one.
"""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterable

from weave_http import constants
from weave_http.addresses import IP, order, parse_ip
from weave_http.errors import HostError
from weave_http.net import fdb, links, netlink, sysctl
from weave_http.net.links import Link
from weave_http.net.messages import ifinfmsg
from weave_http.net.netlink import Netlink, NetlinkError
from weave_http.net.netns import host_locked
from weave_http.records import dataclass

OVERHEAD = 50
"""Bytes that VXLAN over IPv4 adds to a packet: Ethernet 14, VXLAN 8, UDP 8, IP 20."""
MORE_6 = 20
"""How many more IPv6 takes: its header has 40."""
_ADDRESS_GENERATION_NONE = 1


@dataclass(frozen=True, slots=True)
class Settings:
    """What a VXLAN device is made with, and what is not changed later.

    Args:
        vni: number of the network.
        port: UDP port.
        learning: whether the kernel notes behind which host it last saw an address.
        local: address of this host that frames are sent from; None to leave that to the routes.
        remote: where frames for unknown addresses, and for all, go beside the flood destinations; None for nowhere.
    """

    vni: int
    port: int
    learning: bool = True
    local: IP | None = None
    remote: IP | None = None


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
        if self._has_6:
            self._ensure(mtu, 6)

    def destinations(self) -> set[IP]:
        """Return the flood destinations. Raises `HostError`."""
        return fdb.flood_destinations(self._device(4)) | fdb.flood_destinations(self._device(6))

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
        wanted, there = any(ip.version == 6 for ip in (*destinations, *neighbours)), self._has_6
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
        return (fdb.flooded(before), fdb.flooded(before_6)) != (four, six)

    def _add(self, wanted: set[IP], version: int) -> list[tuple[str, IP]]:
        """Have these flood destinations at least; return MAC and destination of the entries that there were."""
        before = fdb.entries(self._device(version))
        for ip in sorted(wanted - fdb.flooded(before), key=order):
            fdb.add_flood(ip, self._device(version))
        return before

    def _remove_others(self, before: Iterable[tuple[str, IP]], wanted: set[IP], version: int) -> None:
        for ip in sorted({ip for _, ip in before} - wanted, key=order):
            fdb.remove_flood(ip, self._device(version))

    def _ensure(self, mtu: int, version: int) -> None:
        ensure_vxlan(self.bridge, self.port, mtu, self._device(version), self.vni, version=version, local=self.local)

    @property
    def _has_6(self) -> bool:
        return links.index_of(self._device(6)) is not None

    def _device(self, version: int) -> str:
        four, six = self.devices
        return four if version == 4 else six


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
    settings = Settings(vni, port, local=source)
    with Netlink() as kernel, host_locked():
        master = links.get_link(kernel, bridge)
        if master is None:
            raise HostError(f"there is no bridge {bridge} to put {device} on")
        link = links.get_link(kernel, device)
        if link is not None and settings_of(kernel, device) != settings:
            links.delete_link(kernel, link.name)
            link = None
        if link is None:
            link = create(kernel, device, settings, version, mtu=mtu)
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


def _mtu_of(name: str) -> int:
    with Netlink() as kernel:
        link = links.get_link(kernel, name)
    if link is None:
        raise HostError(f"there is no {name}")
    return link.mtu


def create(kernel: Netlink, name: str, settings: Settings, version: int, *, mtu: int | None = None) -> Link:
    """Make a device that says nothing by itself; it is left down, and on no bridge.

    Args:
        kernel: where.
        name: its name.
        settings: what it is like.
        version: of IP underneath.
        mtu: in bytes; None to leave that to the kernel.

    Raises:
        HostError: no VXLAN in this kernel, or it refused.
    """
    data: list[tuple[str, int | str]] = [
        ("IFLA_VXLAN_ID", settings.vni),
        ("IFLA_VXLAN_PORT", settings.port),
        ("IFLA_VXLAN_LEARNING", int(settings.learning)),
    ]
    suffix = "6" if version == 6 else ""
    # Any address, if none is given; it says which family.
    local = settings.local or ("::" if version == 6 else None)
    data += [(f"IFLA_VXLAN_{key}{suffix}", str(ip)) for key, ip in (("LOCAL", local), ("GROUP", settings.remote)) if ip]
    try:
        links.add_link(kernel, name, "vxlan", data, [] if mtu is None else [("IFLA_MTU", mtu)])
    except NetlinkError as error:
        if error.code != errno.EOPNOTSUPP:
            raise
        raise HostError("this kernel has no VXLAN", hint="modprobe vxlan") from error
    link = links.get_link(kernel, name)
    if link is None:
        raise HostError(f"{name} vanished while it was being made")
    _silence(kernel, link)
    return link


def settings_of(kernel: Netlink, name: str) -> Settings | None:
    """Return what a device is like; None if it is of another kind. Raises `NetlinkError` if there is none."""
    message = ifinfmsg()
    message["attrs"] = [("IFLA_IFNAME", name)]
    info = kernel.get(message, netlink.RTM_GETLINK, f"look at {name}").get_attr("IFLA_LINKINFO")
    if info is None or info.get_attr("IFLA_INFO_KIND") != "vxlan":
        return None
    data = info.get_attr("IFLA_INFO_DATA")
    local, remote = (
        data.get_attr(f"IFLA_VXLAN_{key}") or data.get_attr(f"IFLA_VXLAN_{key}6") for key in ("LOCAL", "GROUP")
    )
    return Settings(
        data.get_attr("IFLA_VXLAN_ID"),
        data.get_attr("IFLA_VXLAN_PORT"),
        learning=bool(data.get_attr("IFLA_VXLAN_LEARNING")),
        local=parse_ip(local) if local else None,
        remote=parse_ip(remote) if remote else None,
    )


def _isolate(kernel: Netlink, port: Link) -> None:
    """Have a port of a bridge exchange no frames with others that are isolated, too."""
    message = ifinfmsg()
    message["index"] = port.index
    data = {"attrs": [("IFLA_BRPORT_ISOLATED", 1)]}
    info = [("IFLA_INFO_SLAVE_KIND", "bridge"), ("IFLA_INFO_SLAVE_DATA", data)]
    message["attrs"] = [("IFLA_LINKINFO", {"attrs": info})]
    kernel.execute(message, netlink.RTM_NEWLINK, 0, f"isolate {port.name}")


def _silence(kernel: Netlink, link: Link) -> None:
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
