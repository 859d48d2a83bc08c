"""Does a network that somebody wants to use overlap one that the host already knows a way to?

A container with such an address would not be reached from the host, or draw away packets that are for elsewhere.
Routes through the bridge don't count: they are our own. Neither do default routes, which overlap everything.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import IPv4Network

from weave_http import constants
from weave_http.net import links, netlink
from weave_http.net.messages import rtmsg
from weave_http.net.netlink import Netlink
from weave_http.net.rules import network

_RT_TABLE_MAIN, _RTN_UNICAST = 254, 1
_DESTINATION_LENGTH, _TABLE = 1, 4
"""Bytes of a route's message, looked at before it is decoded: a host may have a hundred thousand routes."""


def overlaps(addresses: Iterable[str], ignore: str = constants.BRIDGE) -> dict[str, str]:
    """Return, for each address whose network overlaps routes of the host, the narrowest of these.

    Args:
        addresses: IPv4, in CIDR notation.
        ignore: name of the interface whose routes don't count.

    Raises:
        HostError: the kernel can't be asked.
    """
    routes = _routes(ignore)
    found = {}
    for cidr in addresses:
        wanted = IPv4Network(network(cidr))
        hits = [route for route in routes if route.overlaps(wanted)]
        if hits:
            found[cidr] = str(max(hits, key=lambda route: route.prefixlen))
    return found


def _routes(ignore: str) -> list[IPv4Network]:
    message = rtmsg()
    message["family"] = socket.AF_INET
    with Netlink() as kernel:
        ours = links.get_link(kernel, ignore)
        answers = kernel.dump(message, netlink.RTM_GETROUTE, "list the routes", keep=_counts)
    return [
        IPv4Network(f"{answer.get_attr('RTA_DST')}/{answer['dst_len']}")
        for answer in answers
        if answer["type"] == _RTN_UNICAST and (ours is None or answer.get_attr("RTA_OIF") != ours.index)
    ]


def _counts(body: memoryview) -> bool:
    return body[_DESTINATION_LENGTH] > 0 and body[_TABLE] == _RT_TABLE_MAIN
