"""The bridge `weave`: what the containers of one host, and the VXLAN device to the other hosts, hang on.

It is made by one request and finished by a second one, which sets it up; a bridge that is down is therefore a
half-made one. Its MAC is the host's peer name, so it never changes while the bridge exists.
"""

from __future__ import annotations

import os
import socket

from weave_http import constants
from weave_http.addresses import Cidr
from weave_http.errors import HostError
from weave_http.net import links, sysctl, underlay, vxlan
from weave_http.net.links import Link
from weave_http.net.netlink import Netlink
from weave_http.net.netns import host_locked
from weave_http.records import dataclass

OURS = "weave-http"
"""What is written on a bridge of ours, first; one without it was left by an older Weave, with that one's MTU."""


@dataclass(frozen=True, slots=True)
class BridgeState:
    """What others must know of the bridge.

    Args:
        mac: its link-layer address, which is the peer name.
        mtu: bytes that fit into a frame on the overlay.
    """

    mac: str
    mtu: int


def ensure_bridge(
    *, mtu: int | None = None, mac: str | None = None, overhead: int = vxlan.OVERHEAD, fresh: bool = False
) -> BridgeState:
    """Make the bridge what it must be, from nothing or from whatever is there.

    Args:
        mtu: bytes; by default as it is, if the bridge is one that we finished, else that of the underlay less the
            overhead.
        mac: address of a new bridge; random by default. A bridge keeps the one it has.
        overhead: bytes that the backend adds to a packet.
        fresh: take the underlay's MTU whatever the bridge's is; what somebody wished for once is over.

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
        ours = link.alias.startswith(OURS)
        wanted = mtu or (link.mtu if ours and not fresh else _overlay_mtu(kernel, overhead))
        sysctl.set_neighbour(constants.BRIDGE)
        settle_ipv6(kernel, link)
        if not ours or not link.up or link.mtu != wanted:
            # Said on its own, not at creation: only then it stays when the last port leaves the bridge.
            links.set_link(kernel, link, mtu=wanted, up=True, alias=None if ours else OURS)
            settle_ipv6(kernel, link)  # with a larger MTU it may have got some
        return BridgeState(link.mac, wanted)


def describe() -> tuple[BridgeState, list[Cidr]] | None:
    """Return the bridge's state and addresses, or nothing if there is no bridge."""
    with Netlink() as kernel:
        link = links.get_link(kernel, constants.BRIDGE)
        if link is None:
            return None
        return BridgeState(link.mac, link.mtu), links.list_all_addresses(kernel, link)


def mark(text: str) -> None:
    """Write something on the bridge that lasts as long as it does (its alias); it begins with `OURS`.

    Raises:
        HostError: the kernel refused.
    """
    with Netlink() as kernel:
        link = links.get_link(kernel, constants.BRIDGE)
        if link is not None:
            links.set_link(kernel, link, alias=text)


def marked() -> str:
    """Return what is written on the bridge; nothing if there is none."""
    with Netlink() as kernel:
        link = links.get_link(kernel, constants.BRIDGE)
        return link.alias if link is not None else ""


def random_mac() -> str:
    """Return a random MAC, unicast and locally administered."""
    first, *rest = os.urandom(6)
    return ":".join(f"{byte:02x}" for byte in ((first | 0x02) & ~0x01, *rest))


def settle_ipv6(kernel: Netlink, link: Link) -> None:
    """Have IPv6 on the bridge only as long as the host is exposed by an address of it."""
    exposed = links.list_addresses(kernel, link, socket.AF_INET6)
    sysctl.set_ipv6(link.name, sysctl.IPV6_OF_THE_HOST if exposed else sysctl.NO_IPV6)


def _overlay_mtu(kernel: Netlink, overhead: int) -> int:
    return max(constants.LEAST_MTU, underlay.mtu(kernel) - overhead)
