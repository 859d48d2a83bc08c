"""The networks that are this host's own: those of bridges that only containers hang on, and its own addresses."""

from __future__ import annotations

from ipaddress import ip_network

from weave_http import constants
from weave_http.addresses import Network
from weave_http.net import links, underlay
from weave_http.net.address_events import own_addresses
from weave_http.net.netlink import Netlink

_LOOPBACK = ip_network("127.0.0.0/8")


def own_networks(engine_bridge: str) -> list[Network]:
    """Return the networks of containers, and one of each address that the host has. Blocking.

    The engine's rules may give what the host says to itself any of these: its address on the LAN, for one.

    Args:
        engine_bridge: name of the engine's default bridge.

    Raises:
        HostError: the kernel refused.
    """
    networks: list[Network] = [_LOOPBACK, *map(ip_network, own_addresses())]
    with Netlink() as kernel:
        for name in sorted({constants.BRIDGE, engine_bridge} | underlay.container_bridges(kernel)):
            link = links.get_link(kernel, name)
            if link is not None:
                networks += [cidr.network for cidr in links.list_addresses(kernel, link)]
    return networks
