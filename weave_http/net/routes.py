"""Finds routes of the host that overlap an address that somebody wants to use.

A container with such an address would not be reached from the host, or draw away packets that are for elsewhere.
Routes through the bridge don't count: they are our own. Neither do default routes, which overlap everything.
"""

from __future__ import annotations

from collections.abc import Iterable

from weave_http import constants
from weave_http.addresses import Cidr, Network
from weave_http.net import links
from weave_http.net.netlink import Netlink


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
            for route in links.list_routes(kernel, default=False, family=family)
        ]
    others = [route.destination for route in routes if ours is None or route.link != ours.index]
    found: dict[Cidr, Network] = {}
    for cidr in addresses:
        hits = [route for route in others if route.version == cidr.version and route.overlaps(cidr.network)]
        if hits:
            found[cidr] = max(hits, key=lambda route: route.prefixlen)
    return found
