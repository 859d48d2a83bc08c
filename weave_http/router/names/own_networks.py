"""The networks that are this host's own: those of bridges that only containers hang on."""

from __future__ import annotations

from ipaddress import ip_network

from weave_http import constants
from weave_http.addresses import Network
from weave_http.net import links, underlay
from weave_http.net.netlink import Netlink

_LOOPBACK = ip_network("127.0.0.0/8")


def own_networks(engine_bridge: str) -> list[Network]:
    """Return the networks of containers; the host itself asks from its address in one of them. Blocking.

    Args:
        engine_bridge: name of the engine's default bridge.

    Raises:
        HostError: the kernel refused.
    """
    networks: list[Network] = [_LOOPBACK]
    with Netlink() as kernel:
        for name in sorted({constants.BRIDGE, engine_bridge} | underlay.container_bridges(kernel)):
            link = links.get_link(kernel, name)
            if link is not None:
                networks += [cidr.network for cidr in links.list_addresses(kernel, link)]
    return networks
