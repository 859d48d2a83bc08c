"""What is taken down together: all that leads from this host to the others, and all that is ours."""

from __future__ import annotations

import socket

from weave_http import constants
from weave_http.net import ingress, links, relays, segments, transit, tunnel, vxlan
from weave_http.net.netlink import Netlink
from weave_http.net.netns import host_locked


def leave() -> None:
    """Take down what leads to other hosts; containers of this one keep reaching each other.

    Idempotent. Raises `HostError`.
    """
    segments.remove_devices()
    for device in (constants.VXLAN_DEVICE, constants.VXLAN_DEVICE_6):
        vxlan.remove_vxlan(device)
    relays.ensure_routes(relays.Relays())
    transit.ensure(())
    tunnel.remove()


def destroy() -> None:
    """Remove all bridges, what leads to other hosts, all veths to containers, and what is looked at there.

    Idempotent. Raises `HostError`.
    """
    leave()
    with Netlink() as kernel, host_locked():
        for _, name in socket.if_nameindex():
            if name.startswith((constants.HOST_VETH_PREFIX, constants.SEGMENT_BRIDGE_PREFIX)):
                links.delete_link(kernel, name)
        links.delete_link(kernel, constants.BRIDGE)
    ingress.remove()
