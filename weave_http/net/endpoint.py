"""The veth of a Docker endpoint: the engine moves one end into its container, names it and gives it its address."""

from __future__ import annotations

from collections.abc import Sequence

from weave_http import constants
from weave_http.addresses import Cidr
from weave_http.errors import HostError
from weave_http.net import ingress, links, neighbour, sysctl, veth
from weave_http.net.netlink import Netlink
from weave_http.net.netns import Namespace, host_locked

_PORT, _INNER = f"{constants.HOST_VETH_PREFIX}p", f"{constants.HOST_VETH_PREFIX}g"
_DIGITS = 8


def plug(endpoint: str, bridge: str) -> str:
    """Make a veth with one end on a bridge; return the name of the other one, which is on the host, too.

    Args:
        endpoint: id of the endpoint, by which the ends are named.
        bridge: name of an existing bridge.

    Raises:
        HostError: there is no such bridge, or the kernel refused; nothing was changed.
    """
    with host_locked(shared=True), Netlink() as kernel:
        found = links.get_link(kernel, bridge)
        if found is None:
            raise HostError(f"bridge {bridge} is missing", hint="the router makes it; see: weave status")
        port, inner = port_name(endpoint), f"{_INNER}{endpoint[:_DIGITS]}"
        links.delete_link(kernel, inner)
        veth.make(kernel, found, port, inner)
        outer = links.get_link(kernel, port)
        if outer is None:
            raise HostError(f"{port} vanished while it was being made")
        veth.join(kernel, found, outer)
        return inner


def unplug(endpoint: str) -> None:
    """Remove an endpoint's veth; fine when there is none. Raises `HostError`."""
    with host_locked(shared=True), Netlink() as kernel:
        links.delete_link(kernel, port_name(endpoint))


def port_name(endpoint: str) -> str:
    """Return the name of the end on the bridge."""
    return f"{_PORT}{endpoint[:_DIGITS]}"


def settle(path: str, mac: str, addresses: Sequence[Cidr]) -> None:
    """Set what the engine does not, how long neighbours are believed, and say whose the addresses are.

    Args:
        path: of its network namespace.
        mac: of its end.
        addresses: of its end.

    Raises:
        HostError: the kernel refused.
    """
    try:
        namespace = Namespace(path)
    except OSError:
        return  # it has ended
    with namespace, namespace.call(Netlink) as guest:
        inner = next((link for link in links.list_links(guest, kind="veth") if link.mac == mac), None)
        if inner is None:
            return
        namespace.call(lambda: sysctl.set_neighbour(inner.name))
        namespace.call(lambda: sysctl.set_ipv6(inner.name, sysctl.NO_ADVICE))
        namespace.call(lambda: neighbour.announce(inner.name, mac, addresses))


def guard(port: str, mac: str, addresses: Sequence[Cidr]) -> None:
    """Have the host take from an endpoint only what one with these addresses may send, as of all containers.

    It goes by what the engine gave the endpoint, whatever the container did to its own end.

    Args:
        port: name of the end on the bridge; fine when it is gone.
        mac: of the other end.
        addresses: of the other end.

    Raises:
        HostError: the kernel refused.
    """
    with host_locked(shared=True), Netlink() as kernel:
        bridge = links.get_link(kernel, constants.BRIDGE)
        if bridge is not None and links.get_link(kernel, port) is not None:
            ingress.guard(bridge, port, mac, addresses)
