"""The tunnels of this host: WireGuard devices with an address each, which packets to other hosts go through.

There are two, because a device has one place for each peer where packets go: one for hosts that are reached directly,
and one for those that are reached over others. So either way is probed while the other one is in use.

The kernel's WireGuard is tried first. Where it has none, a program makes the device; whoever starts it says where it
listens.

While a device is gone, as when its program ends, packets to those addresses would take the host's default route,
unencrypted. A dead end, which counts less than the devices' routes, keeps them here.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from hashlib import blake2b
from ipaddress import IPv4Address, IPv4Network, ip_interface

from weave_http import constants
from weave_http.addresses import IP
from weave_http.errors import HostError
from weave_http.net import links, offload, routes, sysctl
from weave_http.net.links import Link
from weave_http.net.netlink import Netlink, NetlinkError
from weave_http.net.netns import host_locked
from weave_http.net.wireguard import TUNNEL, Device
from weave_http.net.wireguard_kernel import KernelDevice
from weave_http.net.wireguard_user import UserSpaceDevice
from weave_http.records import dataclass

KERNEL = "wireguard"
"""What the kernel calls its own devices; that of a program is a `tun`."""
_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Interface:
    """A WireGuard device of ours.

    Args:
        name: of the device.
        network: in which each host has an address there.
    """

    name: str
    network: IPv4Network


_HALVES = tuple(TUNNEL.subnets())
DIRECT = Interface(constants.TUNNEL_DEVICE, _HALVES[0])
"""Leads to hosts that are reached directly."""
RELAYED = Interface(constants.RELAYED_TUNNEL_DEVICE, _HALVES[1])
"""Leads to hosts that are reached over others, which pass on what they can't read."""


def address_of(name: str, interface: Interface = DIRECT) -> IP:
    """Return the address that a host has in a tunnel.

    Args:
        name: of its peer.
        interface: which tunnel.
    """
    number = int.from_bytes(blake2b(name.encode(), digest_size=8, person=b"weave tunnel").digest())
    return IPv4Address(int(interface.network.network_address) + number % interface.network.num_addresses)


def is_tunnelled(ip: IP) -> bool:
    """Tell whether what is sent to an address goes through a tunnel."""
    return isinstance(ip, IPv4Address) and ip in TUNNEL


def ensure(interface: Interface, address: IP, mtu: int, start: Callable[[str], str]) -> Device:
    """Have a device there, up, with an address and the route to all others, and return it. Converges.

    Args:
        interface: which device.
        address: of this host in the tunnel.
        mtu: of what goes through it, in bytes.
        start: starts WireGuard in user space, unless it runs, for a device of that name, and returns the path of its
            socket. Raises `HostError`.

    Raises:
        HostError: there is no way to have one.
    """
    with Netlink() as kernel, host_locked():
        routes.add_dead_end(kernel, TUNNEL)
        link = links.get_link(kernel, interface.name)
        if link is None and _add(kernel, interface.name):
            link = links.get_link(kernel, interface.name)
        device: Device
        if link is not None and link.kind == KERNEL:
            device = KernelDevice(interface.name)
        else:
            device = UserSpaceDevice(start(interface.name))
            link = _appeared(kernel, interface.name)
        if link.mtu != mtu:
            links.set_link(kernel, link, mtu=mtu)
        sysctl.set_ipv6(interface.name)
        for other in links.list_addresses(kernel, link):
            if other.ip != address:
                links.delete_address(kernel, link, other)
        links.add_address(kernel, link, ip_interface(address))
        if not link.up:
            links.set_link(kernel, link, up=True)
        links.add_route(kernel, link, interface.network)
        return device


def remove(*interfaces: Interface) -> None:
    """Delete devices, and with them all keys. A program that made one ends by that. Idempotent. Raises `HostError`.

    Args:
        interfaces: which ones; all without, and the dead end: nothing must be sent to addresses in tunnels by then.
    """
    with Netlink() as kernel, host_locked():
        for interface in interfaces or (DIRECT, RELAYED):
            links.delete_link(kernel, interface.name)
        if not interfaces:
            offload.remove(kernel)
            routes.delete_dead_end(kernel, TUNNEL)


def exists(interface: Interface) -> bool:
    """Return whether a device is there."""
    with Netlink() as kernel:
        return links.get_link(kernel, interface.name) is not None


def _add(kernel: Netlink, name: str) -> bool:
    """Have the kernel make the device; return False if it has no WireGuard."""
    try:
        links.add_link(kernel, name, KERNEL, [], [])
    except NetlinkError as error:
        if error.code not in (errno.EOPNOTSUPP, errno.ENODEV, errno.EAFNOSUPPORT):
            raise
        return False
    return True


def _appeared(kernel: Netlink, name: str) -> Link:
    deadline = time.monotonic() + _SECONDS
    while (link := links.get_link(kernel, name)) is None:
        if time.monotonic() > deadline:
            raise HostError(f"wireguard-go runs, and has made no {name}")
        time.sleep(0.02)
    return link
