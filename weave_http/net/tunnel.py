"""The tunnel of this host: its WireGuard device with an address of its own, which packets to other hosts go through.

The kernel's WireGuard is tried first. Where it has none, a program makes the device; whoever starts it says where it
listens.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from hashlib import blake2b
from ipaddress import IPv4Address, ip_interface

from weave_http import constants
from weave_http.addresses import IP
from weave_http.errors import HostError
from weave_http.net import links, sysctl
from weave_http.net.links import Link
from weave_http.net.netlink import Netlink, NetlinkError
from weave_http.net.netns import host_locked
from weave_http.net.wireguard import TUNNEL, Device
from weave_http.net.wireguard_kernel import KernelDevice
from weave_http.net.wireguard_user import UserSpaceDevice

NAME = constants.TUNNEL_DEVICE
KERNEL = "wireguard"
"""What the kernel calls its own devices; that of a program is a `tun`."""
_SECONDS = 10.0


def address_of(name: str) -> IP:
    """Return the address that a host has in the tunnel.

    Args:
        name: of its peer.
    """
    number = int.from_bytes(blake2b(name.encode(), digest_size=8, person=b"weave tunnel").digest())
    return IPv4Address(int(TUNNEL.network_address) + number % TUNNEL.num_addresses)


def is_tunnelled(ip: IP) -> bool:
    """Tell whether what is sent to an address goes through the tunnel."""
    return isinstance(ip, IPv4Address) and ip in TUNNEL


def ensure(address: IP, mtu: int, start: Callable[[], str]) -> Device:
    """Have the device there, up, with an address and the route to all others, and return it. Converges.

    Args:
        address: of this host in the tunnel.
        mtu: of what goes through it, in bytes.
        start: starts WireGuard in user space unless it runs, and returns the path of its socket. Raises `HostError`.

    Raises:
        HostError: there is no way to have one.
    """
    with Netlink() as kernel, host_locked():
        link = links.get_link(kernel, NAME)
        if link is None and _add(kernel):
            link = links.get_link(kernel, NAME)
        device: Device
        if link is not None and link.kind == KERNEL:
            device = KernelDevice()
        else:
            device = UserSpaceDevice(start())
            link = _appeared(kernel)
        if link.mtu != mtu:
            links.set_link(kernel, link, mtu=mtu)
        sysctl.set_ipv6(NAME)
        for other in links.list_addresses(kernel, link):
            if other.ip != address:
                links.delete_address(kernel, link, other)
        links.add_address(kernel, link, ip_interface(address))
        if not link.up:
            links.set_link(kernel, link, up=True)
        links.add_route(kernel, link, TUNNEL)
        return device


def remove() -> None:
    """Delete the device, and with it all keys. A program that made it ends by that. Idempotent. Raises `HostError`."""
    with Netlink() as kernel, host_locked():
        links.delete_link(kernel, NAME)


def exists() -> bool:
    """Return whether there is a device of that name."""
    with Netlink() as kernel:
        return links.get_link(kernel, NAME) is not None


def _add(kernel: Netlink) -> bool:
    """Have the kernel make the device; return False if it has no WireGuard."""
    try:
        links.add_link(kernel, NAME, KERNEL, [], [])
    except NetlinkError as error:
        if error.code not in (errno.EOPNOTSUPP, errno.ENODEV, errno.EAFNOSUPPORT):
            raise
        return False
    return True


def _appeared(kernel: Netlink) -> Link:
    deadline = time.monotonic() + _SECONDS
    while (link := links.get_link(kernel, NAME)) is None:
        if time.monotonic() > deadline:
            raise HostError(f"wireguard-go runs, and has made no {NAME}")
        time.sleep(0.02)
    return link
