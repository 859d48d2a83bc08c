"""Further networks on this host: a bridge and a VXLAN device each, with a VNI of its own.

So the kernel keeps them apart, on a host and between hosts, whatever their subnets are. The host has no address on
such a bridge, and no IPv6; what is routed neither gets in nor out (`weave_http.net.rules`).
"""

from __future__ import annotations

from collections.abc import Collection

from weave_http import constants
from weave_http.errors import HostError
from weave_http.net import bridge, links, sysctl
from weave_http.net.netlink import Netlink
from weave_http.net.netns import host_locked

_DIGITS = 8


def bridge_name(network: str) -> str:
    """Return the name of the bridge of a Docker network, which is given by its id."""
    return f"{constants.SEGMENT_BRIDGE_PREFIX}{network[:_DIGITS]}"


def device_names(network: str) -> tuple[str, str]:
    """Return the names of the VXLAN devices of a Docker network, which is given by its id: over IPv4, and over IPv6."""
    four, six = (f"{prefix}{network[:_DIGITS]}" for prefix in constants.SEGMENT_VXLAN_PREFIXES)
    return four, six


def ensure_bridge(name: str, mtu: int) -> None:
    """Have a bridge there, up, with that MTU in bytes, and without IPv6 of its own. Converges. Raises `HostError`."""
    with Netlink() as kernel, host_locked():
        link = links.get_link(kernel, name)
        if link is None:
            data = [("IFLA_BR_FORWARD_DELAY", 0), ("IFLA_BR_STP_STATE", 0)]
            links.add_link(kernel, name, "bridge", data, [("IFLA_ADDRESS", bridge.random_mac())])
            link = links.get_link(kernel, name)
        if link is None or link.kind != "bridge":
            raise HostError(f"there is an interface {name} that is no bridge", hint="remove it")
        sysctl.set_ipv6(name)
        if not link.up or link.mtu != mtu:
            links.set_link(kernel, link, mtu=mtu, up=True, alias=bridge.OURS)
            sysctl.set_ipv6(name)  # with a larger MTU it may have got some


def present() -> set[str]:
    """Return the names of the bridges that there are. Raises `HostError`."""
    with Netlink() as kernel:
        return links.names(kernel, "bridge", constants.SEGMENT_BRIDGE_PREFIX)


def remove_others(networks: Collection[str]) -> list[str]:
    """Remove bridges that are none of these Docker networks', with their VXLAN devices, unless containers are on them.

    Args:
        networks: ids.

    Returns:
        the names of the bridges.

    Raises:
        HostError: the kernel refused.
    """
    gone = present() - {bridge_name(network) for network in networks}
    if not gone:
        return []
    removed = []
    with Netlink() as kernel, host_locked():
        for name in sorted(gone):
            link = links.get_link(kernel, name)
            devices = device_names(name.removeprefix(constants.SEGMENT_BRIDGE_PREFIX))
            ports = links.list_links(kernel, master=link.index) if link else []
            if all(port.name in devices for port in ports):
                for gone_with_it in (*devices, name):
                    links.delete_link(kernel, gone_with_it)
                removed.append(name)
    return removed


def remove_devices() -> None:
    """Remove what leads to other hosts. Idempotent. Raises `HostError`."""
    with Netlink() as kernel, host_locked():
        for name in links.names(kernel, "vxlan", constants.SEGMENT_VXLAN_PREFIXES):
            links.delete_link(kernel, name)
