"""A container on the network: its `ethwe`, the veth's other end on the bridge, its addresses.

Everything is found by what it is, not by what a former run should have left: the host's end is the link that
`ethwe` says is its peer. So a run that was killed is finished by the next one, and containers that share a
namespace share the interface. Whatever a run adds it takes away again when it can't finish.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from weave_http import constants
from weave_http.errors import HostError
from weave_http.net import arp, links, sysctl
from weave_http.net.links import Link
from weave_http.net.netlink import Netlink, NetlinkError
from weave_http.net.netns import Namespace, host_locked

MULTICAST = "224.0.0.0/4"
_FORWARDING_SECONDS = 0.5
_FORWARDING_POLL_SECONDS = 0.001


@dataclass(frozen=True, slots=True)
class Target:
    """The container to be worked on.

    Args:
        pid: process id, in the host's PID namespace, of its first process.
        name: what the user calls it; for messages.
        procfs: where the host's /proc is mounted.
    """

    pid: int
    name: str
    procfs: str = constants.PROCFS

    @property
    def namespace(self) -> str:
        """Path of its network namespace."""
        return f"{self.procfs}/{self.pid}/ns/net"


@dataclass(frozen=True, slots=True)
class Change:
    """What was done to a container.

    Args:
        changed: addresses in CIDR notation that were added, or removed.
        addresses: all that it has now, in the kernel's order.
    """

    changed: tuple[str, ...]
    addresses: tuple[str, ...]


def check_joinable(target: Target) -> None:
    """Raise `HostError` if the container is gone, or has no network namespace of its own."""
    with _opened(target) as namespace:
        del namespace


def plug(target: Target, addresses: Sequence[str], *, multicast: bool = True) -> Change:
    """Give a container an `ethwe` on the bridge, and addresses. Converges.

    Args:
        target: the container.
        addresses: IPv4, in CIDR notation, added in that order; those it has already are left alone.
        multicast: route multicast there too; a route that there is stays in any case.

    Raises:
        HostError: the container is gone, shares the host's network, or the kernel refused; nothing was changed.
    """
    with _configuring(target) as (namespace, host, guest):
        bridge = links.get_link(host, constants.BRIDGE)
        if bridge is None:
            raise HostError(f"bridge {constants.BRIDGE} is missing")
        veth = constants.HOST_VETH_PREFIX + str(target.pid)
        before = links.get_link(guest, constants.GUEST_INTERFACE)
        added: list[str] = []
        try:
            inner = before or _create(namespace, host, guest, bridge, veth)
            outer = _join(host, guest, bridge, inner)
            namespace.call(_set_parameters)
            present = links.list_addresses(guest, inner)
            for cidr in addresses:
                if cidr not in present and cidr not in added:
                    added.append(cidr)
                    links.add_address(guest, inner, cidr)
            if not inner.up:
                links.set_link(guest, inner, up=True)
            if added:
                _await_forwarding(host, outer)
                namespace.call(lambda: arp.announce(constants.GUEST_INTERFACE, inner.mac, added))
            if multicast:
                links.add_route(guest, inner, MULTICAST)  # last: a program that waits for the network waits for this
            return Change(tuple(added), tuple(links.list_addresses(guest, inner)))
        except BaseException:
            # The first failure is the one to tell; here the container may be dead, and everything gone with it.
            with suppress(HostError):
                if before is None:
                    links.delete_link(host, veth)
                else:
                    for cidr in reversed(added):
                        links.delete_address(guest, before, cidr)
            raise


def unplug(target: Target, addresses: Sequence[str]) -> Change:
    """Take addresses from a container; with the last one goes `ethwe`. Converges.

    Args:
        target: the container.
        addresses: IPv4, in CIDR notation; those it does not have are left alone.

    Raises:
        HostError: the container is gone or was never on the network, or the kernel refused; nothing was changed.
    """
    with _configuring(target) as (namespace, _, guest):
        inner = links.get_link(guest, constants.GUEST_INTERFACE)
        if inner is None:
            raise HostError(f"it has no interface {constants.GUEST_INTERFACE}")
        present = links.list_addresses(guest, inner)
        leaving = tuple(cidr for cidr in present if cidr in addresses)
        staying = tuple(cidr for cidr in present if cidr not in addresses)
        if not staying:
            links.delete_link(guest, constants.GUEST_INTERFACE)
            return Change(leaving, ())
        namespace.call(lambda: sysctl.set_interface(constants.GUEST_INTERFACE))
        try:
            for cidr in leaving:
                links.delete_address(guest, inner, cidr)
        except BaseException:
            with suppress(HostError):
                for cidr in leaving:
                    links.add_address(guest, inner, cidr)
            raise
        return Change(leaving, staying)


def describe(target: Target) -> tuple[str, list[str]] | None:
    """Return the MAC and the IPv4 addresses of a container's `ethwe`, or nothing if it has none or is gone."""
    try:
        with Namespace(target.namespace) as namespace, namespace.call(Netlink) as guest:
            inner = links.get_link(guest, constants.GUEST_INTERFACE)
            return (inner.mac, links.list_addresses(guest, inner)) if inner else None
    except OSError:
        return None


@contextmanager
def settled(target: Target, addresses: Sequence[str]) -> Iterator[Sequence[str]]:
    """Hold a container's lock, and yield the IPv4 addresses of its `ethwe`: nobody changes them inside of the block.

    Args:
        target: the container.
        addresses: what is yielded when it is gone.
    """
    try:
        namespace = Namespace(target.namespace)
    except OSError:
        yield addresses
        return
    with namespace, namespace.locked(), namespace.call(Netlink) as guest:
        inner = links.get_link(guest, constants.GUEST_INTERFACE)
        yield links.list_addresses(guest, inner) if inner else []


def _create(namespace: Namespace, host: Netlink, guest: Netlink, bridge: Link, veth: str) -> Link:
    """Create the pair: one end on the bridge and up, the other in the container; there is no state between."""
    inside = [
        ("IFLA_IFNAME", constants.GUEST_INTERFACE),
        ("IFLA_MTU", bridge.mtu),
        ("IFLA_NET_NS_FD", namespace.fd),
    ]
    data = [("VETH_INFO_PEER", {"attrs": inside})]
    outside = [("IFLA_MTU", bridge.mtu), ("IFLA_MASTER", bridge.index)]
    try:
        links.add_link(host, veth, "veth", data, outside)
    except NetlinkError as error:
        if not error.exists:
            raise
        # Of a container that had this process id and whose namespace something still holds.
        links.delete_link(host, veth)
        links.add_link(host, veth, "veth", data, outside)
    inner = links.get_link(guest, constants.GUEST_INTERFACE)
    if inner is None:
        raise HostError(f"interface {constants.GUEST_INTERFACE} vanished")
    return inner


def _join(host: Netlink, guest: Netlink, bridge: Link, inner: Link) -> Link:
    """Put the host's end of the veth on the bridge, up, both ends with the bridge's MTU; return it."""
    outer = links.get_link(host, index=inner.peer) if inner.kind == "veth" and inner.peer else None
    if outer is None or outer.peer != inner.index or not outer.name.startswith(constants.HOST_VETH_PREFIX):
        raise HostError(f"its interface {constants.GUEST_INTERFACE} is not of weave's making")
    if outer.mtu != bridge.mtu or outer.master != bridge.index or not outer.up:
        links.set_link(host, outer, up=True, mtu=bridge.mtu, master=bridge.index)
    if inner.mtu != bridge.mtu:
        links.set_link(guest, inner, mtu=bridge.mtu)
    return outer


def _set_parameters() -> None:
    sysctl.set_neighbour(constants.GUEST_INTERFACE)
    sysctl.set_interface(constants.GUEST_INTERFACE)


def _await_forwarding(host: Netlink, outer: Link) -> None:
    """Wait until frames pass the bridge port: the kernel sees to it in the background, after both ends are up."""
    deadline = time.monotonic() + _FORWARDING_SECONDS
    while time.monotonic() < deadline:
        now = links.get_link(host, index=outer.index)
        if now is None or (now.forwarding and now.operational):
            return
        time.sleep(_FORWARDING_POLL_SECONDS)


@contextmanager
def _configuring(target: Target) -> Iterator[tuple[Namespace, Netlink, Netlink]]:
    """Open and lock all that it takes; reword failures inside so that they name the container and the reason."""
    born = _birth(target)
    try:
        with ExitStack() as stack:
            stack.enter_context(host_locked(shared=True))
            namespace = stack.enter_context(_opened(target))
            stack.enter_context(namespace.locked())
            host = stack.enter_context(Netlink())
            guest = stack.enter_context(namespace.call(Netlink))
            yield namespace, host, guest
    except NotJoinable:
        raise
    except HostError as error:
        if _birth(target) != born:
            raise HostError(f"container {target.name} died") from error
        raise HostError(
            f"failure during network configuration for container {target.name}: {error.message}", hint=error.hint
        ) from error


class NotJoinable(HostError):
    """The container can't be worked on at all; nothing was tried."""


@contextmanager
def _opened(target: Target) -> Iterator[Namespace]:
    try:
        namespace = Namespace(target.namespace)
    except FileNotFoundError as error:
        raise NotJoinable(f"container {target.name} died") from error
    except OSError as error:
        raise NotJoinable(f"can't open {target.namespace}: {os.strerror(error.errno or 0)}") from error
    with namespace:
        with Namespace() as host:
            shared = host.identity == namespace.identity
        if shared:
            raise NotJoinable(
                f"container {target.name} uses the host's network (--net=host)",
                hint="only a container with a network namespace of its own can be attached",
            )
        yield namespace


def _birth(target: Target) -> str:
    """Return when the process started, in the kernel's clock ticks, or nothing if it is gone."""
    try:
        with open(f"{target.procfs}/{target.pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[19]
    except OSError:
        return ""
