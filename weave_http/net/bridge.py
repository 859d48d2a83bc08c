"""The bridge `weave`: what the containers of one host, and the VXLAN device to the other hosts, hang on.

It is made by one request and finished by a second one, which sets it up; a bridge that is down is therefore a
half-made one. Its MAC is the host's peer name, so it never changes while the bridge exists.
"""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass

from weave_http import constants
from weave_http.errors import HostError
from weave_http.net import links, sysctl
from weave_http.net.netlink import Netlink
from weave_http.net.netns import host_locked

VXLAN_OVERHEAD = 50
"""Bytes that VXLAN over IPv4 adds to a packet: Ethernet 14, VXLAN 8, UDP 8, IP 20."""
_ETHERNET_MTU = 1500
_NOT_UNDERLAY = re.compile(r"docker|podman\d|br-[0-9a-f]{12}$|weave|vethwe|vxlan-")


@dataclass(frozen=True, slots=True)
class BridgeState:
    """What others must know of the bridge.

    Args:
        mac: its link-layer address, which is the peer name.
        mtu: bytes that fit into a frame on the overlay.
    """

    mac: str
    mtu: int


def ensure_bridge(*, mtu: int | None = None, mac: str | None = None) -> BridgeState:
    """Make the bridge what it must be, from nothing or from whatever is there.

    Args:
        mtu: bytes; by default that of the underlay less the encapsulation for a new bridge, else as it is.
        mac: address of a new bridge; random by default. A bridge keeps the one it has.

    Raises:
        HostError: the kernel refused, or something else is called `weave`.
    """
    if mtu is not None and not constants.LEAST_MTU <= mtu <= constants.GREATEST_MTU:
        raise HostError(f"MTU {mtu} is not between {constants.LEAST_MTU} and {constants.GREATEST_MTU}")
    with Netlink() as kernel, host_locked():
        link = links.get_link(kernel, constants.BRIDGE)
        if link is None:
            data = [("IFLA_BR_FORWARD_DELAY", 0), ("IFLA_BR_STP_STATE", 0)]
            address = [("IFLA_ADDRESS", mac or random_mac())]
            links.add_link(kernel, constants.BRIDGE, "bridge", data, address)
            link = links.get_link(kernel, constants.BRIDGE)
        if link is None or link.kind != "bridge":
            raise HostError(f"there is an interface {constants.BRIDGE} that is no bridge", hint="remove it")
        wanted = mtu or (link.mtu if link.up else _overlay_mtu(kernel))
        sysctl.set_neighbour(constants.BRIDGE)
        if not link.up or link.mtu != wanted:
            # Said on its own, not at creation: only then it stays when the last port leaves the bridge.
            links.set_link(kernel, link, mtu=wanted, up=True)
        return BridgeState(link.mac, wanted)


def describe() -> tuple[BridgeState, list[str]] | None:
    """Return the bridge's state and IPv4 addresses in CIDR notation, or nothing if there is no bridge."""
    with Netlink() as kernel:
        link = links.get_link(kernel, constants.BRIDGE)
        if link is None:
            return None
        return BridgeState(link.mac, link.mtu), links.list_addresses(kernel, link)


def mark(text: str) -> None:
    """Write something on the bridge that lasts as long as it does (its alias). Raises `HostError`."""
    with Netlink() as kernel:
        link = links.get_link(kernel, constants.BRIDGE)
        if link is not None:
            links.set_link(kernel, link, alias=text)


def marked() -> str:
    """Return what is written on the bridge; nothing if there is none."""
    with Netlink() as kernel:
        link = links.get_link(kernel, constants.BRIDGE)
        return link.alias if link is not None else ""


def destroy() -> None:
    """Remove the bridge, the VXLAN device and all veths to containers. Idempotent. Raises `HostError`."""
    with Netlink() as kernel, host_locked():
        links.delete_link(kernel, constants.VXLAN_DEVICE)
        for _, name in socket.if_nameindex():
            if name.startswith(constants.HOST_VETH_PREFIX):
                links.delete_link(kernel, name)
        links.delete_link(kernel, constants.BRIDGE)


def underlay_mtu() -> int:
    """Return the MTU, in bytes, of the way to the other hosts.

    It is that of the default route's interface, else the smallest one of the interfaces that are up and neither
    loopback, nor ports, nor Docker's or ours. Raises `HostError`.
    """
    with Netlink() as kernel:
        return _underlay_mtu(kernel)


def random_mac() -> str:
    """Return a random MAC, unicast and locally administered."""
    first, *rest = os.urandom(6)
    return ":".join(f"{byte:02x}" for byte in ((first | 0x02) & ~0x01, *rest))


def _overlay_mtu(kernel: Netlink) -> int:
    return max(constants.LEAST_MTU, _underlay_mtu(kernel) - VXLAN_OVERHEAD)


def _underlay_mtu(kernel: Netlink) -> int:
    route = links.default_route_link(kernel)
    if route is not None:
        return min(route.mtu, constants.GREATEST_MTU)
    candidates = [
        link.mtu
        for link in links.list_links(kernel)
        if link.up and not link.loopback and not link.master and not _NOT_UNDERLAY.match(link.name)
    ]
    return min([*candidates, constants.GREATEST_MTU]) if candidates else _ETHERNET_MTU
