"""Tells which links lead to other hosts, and which only to containers of this host; finds the underlay's MTU."""

from __future__ import annotations

import re
import socket

from weave_http import constants
from weave_http.net import links, netlink, sysctl
from weave_http.net.links import IFF_LOOPBACK, IFF_UP
from weave_http.net.netlink import Netlink
from weave_http.net.routes import Route, list_routes

_ETHERNET_MTU = 1500
_ENGINE_BRIDGE = re.compile(r"(docker|podman)\d+|docker_gwbridge|br-[0-9a-f]{12}")
_NOT_UNDERLAY = re.compile(r"docker|podman\d|br-[0-9a-f]{12}$|weave|vethwe|vxlan6?-")
_FLAGS = slice(8, 12)


def mtu(kernel: Netlink) -> int:
    """Return the MTU, in bytes, of the way to the other hosts.

    It is that of the best default route's interface, of IPv4 if there is one, else the smallest one of the interfaces
    that are up and neither loopback, nor ports, nor Docker's or ours. Raises `HostError`.
    """
    for routes in _default_routes(kernel):
        way = links.get_link(kernel, index=min(routes, key=lambda route: route.metric).link)
        if way is not None:
            return min(way.mtu, constants.GREATEST_MTU)
    found = [link.mtu for link in links.list_links(kernel, keep=_is_candidate) if not _NOT_UNDERLAY.match(link.name)]
    return min([*found, constants.GREATEST_MTU]) if found else _ETHERNET_MTU


def container_bridges(kernel: Netlink) -> set[str]:
    """Return the names of the bridges that only containers hang on, whatever they are called, but for ours.

    It is one if its name is one of an engine's own choice; else if no port of it is anything but a veth, and no
    default route leads there. A network card, a bond, or a virtual machine's tap make it a way to others.
    """
    ways = {route.link for routes in _default_routes(kernel) for route in routes}
    return {
        bridge.name
        for bridge in links.list_links(kernel, kind="bridge")
        if bridge.name != constants.BRIDGE
        and not bridge.name.startswith(constants.SEGMENT_BRIDGE_PREFIX)
        and (
            _ENGINE_BRIDGE.fullmatch(bridge.name)
            or (bridge.index not in ways and not links.list_links(kernel, master=bridge.index, keep=links.is_no_veth))
        )
    }


def _default_routes(kernel: Netlink) -> list[list[Route]]:
    """Return the default routes that lead out of a link: those of IPv4, then those of IPv6, as far as there are any."""
    families = (socket.AF_INET, *((socket.AF_INET6,) if sysctl.has_ipv6() else ()))
    found = (list_routes(kernel, default=True, family=family) for family in families)
    return [routes for each in found if (routes := [route for route in each if route.link])]


def _is_candidate(body: memoryview) -> bool:
    """Look at an undecoded link: is it up, neither loopback nor a port?"""
    flags = netlink.number(body[_FLAGS])
    return flags & (IFF_UP | IFF_LOOPBACK) == IFF_UP and not netlink.attribute(
        body, links.LINK_ATTRIBUTES, links.IFLA_MASTER
    )
