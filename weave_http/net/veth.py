"""A virtual cable: one end a port of the bridge, the other for a container.

Who the other end is for is not this module's matter: a container of an attach gets it at once, by its namespace; an
engine that moves and names interfaces itself finds it on the host.
"""

from __future__ import annotations

import time

from weave_http import constants
from weave_http.net import links, sysctl
from weave_http.net.links import Link
from weave_http.net.netlink import Netlink, NetlinkError
from weave_http.net.netns import Namespace

_FORWARDING_SECONDS = 0.5
_FORWARDING_POLL_SECONDS = 0.001


def port_name(namespace: Namespace) -> str:
    """Return what the host's end is called: the namespace's number, in hexadecimal, tells it from all others.

    `stat -Lc %i /proc/PID/ns/net` prints that number, `lsns -t net` whose namespace it is.
    """
    return f"{constants.HOST_VETH_PREFIX}{namespace.identity[1]:x}"


def make(
    host: Netlink, bridge: Link, name: str, inner: str, *, namespace: Namespace | None = None, mac: str | None = None
) -> None:
    """Make a pair, one end on the bridge and the other where it belongs; there is no state between. Both are down.

    Args:
        host: of the namespace that the bridge is in.
        bridge: has the MTU.
        name: of the end on the bridge; a link of that name, of a container that is gone, makes room.
        inner: name of the other end.
        namespace: where the other end is; by default it stays on the host.
        mac: of the other end; random by default.

    Raises:
        HostError: the kernel refused.
    """
    inside = [("IFLA_IFNAME", inner), ("IFLA_MTU", bridge.mtu)]
    if namespace is not None:
        inside.append(("IFLA_NET_NS_FD", namespace.fd))
    if mac is not None:
        inside.append(("IFLA_ADDRESS", mac))
    data = [("VETH_INFO_PEER", {"attrs": inside})]
    outside = [("IFLA_MTU", bridge.mtu), ("IFLA_MASTER", bridge.index)]
    try:
        links.add_link(host, name, "veth", data, outside)
    except NetlinkError as error:
        if not error.exists:
            raise
        links.delete_link(host, name)
        links.add_link(host, name, "veth", data, outside)


def other_end(host: Netlink, inner: Link) -> Link | None:
    """Return the port that belongs to a container's end, or nothing if that is not a cable of ours."""
    outer = links.get_link(host, index=inner.peer) if inner.kind == "veth" and inner.peer else None
    if outer is None or outer.peer != inner.index or not outer.name.startswith(constants.HOST_VETH_PREFIX):
        return None
    return outer


def join(host: Netlink, bridge: Link, outer: Link) -> None:
    """Have a port on the bridge, up, with the bridge's MTU and without IPv6 of its own.

    To be called by a thread that is in the namespace of `host`.

    Raises:
        HostError: the kernel refused.
    """
    sysctl.set_ipv6(outer.name)
    if outer.mtu != bridge.mtu or outer.master != bridge.index or not outer.up:
        links.set_link(host, outer, up=True, mtu=bridge.mtu, master=bridge.index)
        sysctl.set_ipv6(outer.name)  # with a larger MTU it may have got some


def await_forwarding(host: Netlink, outer: Link) -> None:
    """Wait until frames pass the port: the kernel sees to it in the background, after both ends are up."""
    deadline = time.monotonic() + _FORWARDING_SECONDS
    while time.monotonic() < deadline:
        now = links.get_link(host, index=outer.index)
        if now is None or (now.forwarding and now.operational):
            return
        time.sleep(_FORWARDING_POLL_SECONDS)
