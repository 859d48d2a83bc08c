"""The host's routes: read, found to overlap an address that somebody wants to use, or to lead to another host.

A container with such an address would not be reached from the host, or draw away packets that are for elsewhere.
Routes through the bridge don't count: they are our own. Neither do default routes, which overlap everything.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable
from ipaddress import ip_network
from typing import Any

from weave_http import constants
from weave_http.addresses import IP, Cidr, Network
from weave_http.net import links, netlink
from weave_http.net.links import Link
from weave_http.net.messages import rtmsg
from weave_http.net.netlink import Netlink, NetlinkError
from weave_http.records import dataclass

_TABLE_MAIN, _PROTOCOL_BOOT, _UNICAST, _UNREACHABLE = 254, 3, 1, 7
_DESTINATION_LENGTH, _TABLE = 1, 4
"""Bytes of an undecoded route."""


@dataclass(frozen=True, slots=True)
class Route:
    """One route of the main table.

    Args:
        destination: the network; that of length 0 for a default route.
        link: index of the link that it uses, the first one of a multipath route, or 0.
        metric: the lower, the better.
    """

    destination: Network
    link: int
    metric: int


def list_routes(kernel: Netlink, *, default: bool, family: int = socket.AF_INET) -> list[Route]:
    """Return the unicast routes of the main table: the default ones, or the others.

    Args:
        kernel: where.
        default: which of the two. A host may have a hundred thousand others, which are not even decoded.
        family: of the addresses.
    """
    message = rtmsg()
    message["family"] = family
    message["table"] = _TABLE_MAIN
    try:
        return kernel.dump(
            message,
            netlink.RTM_GETROUTE,
            "list the routes",
            read=lambda answer: _route(answer) if answer["type"] == _UNICAST else None,
            keep=lambda body: (body[_DESTINATION_LENGTH] == 0) == default and body[_TABLE] == _TABLE_MAIN,
        )
    except NetlinkError as error:
        if error.code == errno.ENOENT:  # a namespace without any route has no such table either
            return []
        raise


def _route(message: Any) -> Route:
    hops = message.get_attr("RTA_MULTIPATH")
    anything = 0 if message["family"] == socket.AF_INET else b"\0" * 16
    return Route(
        ip_network((message.get_attr("RTA_DST") or anything, message["dst_len"])),
        message.get_attr("RTA_OIF") or (hops[0]["oif"] if hops else 0),
        message.get_attr("RTA_PRIORITY") or 0,
    )


def overlaps(addresses: Iterable[Cidr], ignore: str = constants.BRIDGE) -> dict[Cidr, Network]:
    """Return, for each address whose network overlaps routes of the host, the narrowest of these.

    Args:
        addresses: of either version of IP.
        ignore: name of the interface whose routes don't count.

    Raises:
        HostError: the kernel can't be asked.
    """
    addresses = list(addresses)
    with Netlink() as kernel:
        ours = links.get_link(kernel, ignore)
        routes = [
            route
            for family in sorted({links.family_of(cidr) for cidr in addresses})
            for route in list_routes(kernel, default=False, family=family)
        ]
    others = [route.destination for route in routes if ours is None or route.link != ours.index]
    found: dict[Cidr, Network] = {}
    for cidr in addresses:
        hits = [route for route in others if route.version == cidr.version and route.overlaps(cidr.network)]
        if hits:
            found[cidr] = max(hits, key=lambda route: route.prefixlen)
    return found


def add_dead_end(kernel: Netlink, destination: Network) -> None:
    """Have packets to a destination go nowhere, unless a route to a part of it says otherwise. Idempotent."""
    try:
        _change(kernel, destination, _UNREACHABLE, netlink.RTM_NEWROUTE, netlink.CREATE_NEW, "a dead end for")
    except NetlinkError as error:
        if not error.exists:
            raise


def delete_dead_end(kernel: Netlink, destination: Network) -> None:
    """Delete what `add_dead_end` made; fine when there is none."""
    _delete(kernel, destination, _UNREACHABLE)


def delete_route(kernel: Netlink, destination: Network) -> None:
    """Delete a route that `weave_http.net.links.add_route` made; fine when there is none."""
    _delete(kernel, destination, _UNICAST)


def _delete(kernel: Netlink, destination: Network, kind: int) -> None:
    try:
        _change(kernel, destination, kind, netlink.RTM_DELROUTE, 0, "delete the route")
    except NetlinkError as error:
        if error.code not in (errno.ESRCH, errno.EAFNOSUPPORT, errno.EOPNOTSUPP):
            raise


def _change(kernel: Netlink, destination: Network, kind: int, doing: int, flags: int, what: str) -> None:
    message = rtmsg()
    message["family"], message["dst_len"] = links.family_of(destination), destination.prefixlen
    message["table"], message["proto"] = _TABLE_MAIN, _PROTOCOL_BOOT
    message["type"] = kind
    message["attrs"] = [("RTA_DST", str(destination.network_address))]
    kernel.execute(message, doing, flags, f"{what} {destination}")


def link_to(kernel: Netlink, ip: IP) -> Link | None:
    """Return the link by which packets to an address leave, or nothing if there is no way."""
    message = rtmsg()
    message["family"], message["dst_len"] = links.family_of(ip), ip.max_prefixlen
    message["attrs"] = [("RTA_DST", str(ip))]
    try:
        index = kernel.get(message, netlink.RTM_GETROUTE, f"find the way to {ip}").get_attr("RTA_OIF")
    except NetlinkError:
        return None
    return links.get_link(kernel, index=index) if index else None
