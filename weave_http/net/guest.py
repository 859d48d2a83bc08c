"""A container on the network: its `ethwe`, the veth's other end on the bridge, its addresses.

Everything is found by what it is, not by what a former run should have left: the host's end is the link that
`ethwe` says is its peer. So a run that was killed is finished by the next one, and containers that share a
namespace share the interface. Whatever a run adds it takes away again when it can't finish.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from ipaddress import IPv4Network, IPv6Network

from weave_http import constants
from weave_http.addresses import Cidr
from weave_http.errors import HostError
from weave_http.net import ingress, links, neighbour, sysctl, veth
from weave_http.net.given import Noted, Port, nobody_noted, port_of, port_to
from weave_http.net.ingress import Given
from weave_http.net.links import Link
from weave_http.net.netlink import Netlink
from weave_http.net.netns import Namespace, host_locked
from weave_http.records import dataclass, replace

MULTICAST, MULTICAST_6 = IPv4Network("224.0.0.0/4"), IPv6Network("ff00::/8")


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
        changed: addresses that were added, or removed.
        addresses: all that it has now, those of IPv4 first; where it is held to what it was given, all of that.
    """

    changed: tuple[Cidr, ...]
    addresses: tuple[Cidr, ...]


class _Unprepared(Exception):
    """What has to be done before a program may start has failed: its error is about that, not about the network."""

    def __init__(self, error: HostError) -> None:
        super().__init__(error)
        self.error = error


def _nothing(addresses: Sequence[Cidr]) -> None:
    del addresses


def check_joinable(target: Target) -> None:
    """Raise `HostError` if the container is gone, or has no network namespace of its own."""
    with _opened(target) as namespace:
        del namespace


def plug(
    target: Target,
    addresses: Sequence[Cidr],
    *,
    multicast: bool = True,
    noted: Noted = nobody_noted,
    prepare: Callable[[Sequence[Cidr]], None] = _nothing,
) -> Change:
    """Give a container an `ethwe` on the bridge, and addresses. Converges.

    Args:
        target: the container.
        addresses: added in that order; those it has already are left alone.
        multicast: route multicast there too; a route that there is stays in any case.
        noted: asked where containers are held to what they were given, and somebody took away the rules that say so.
        prepare: called with all addresses that it has now, before the route that a program waits for: a short one may
            have ended, and its container be removed, right after that. What it raises undoes all and is passed on.

    Raises:
        HostError: the container is gone, shares the host's network, or the kernel refused; nothing was changed.
    """
    with _configuring(target) as (namespace, host, guest):
        bridge = links.get_link(host, constants.BRIDGE)
        if bridge is None:
            raise HostError(f"bridge {constants.BRIDGE} is missing")
        name = veth.port_name(namespace)
        before = links.get_link(guest, constants.GUEST_INTERFACE)
        try:
            if before is None:
                veth.make(host, bridge, name, constants.GUEST_INTERFACE, namespace=namespace)
            inner = before or links.get_link(guest, constants.GUEST_INTERFACE)
            outer = veth.other_end(host, inner) if inner else None
            if inner is None or outer is None:
                raise HostError(f"its interface {constants.GUEST_INTERFACE} is not of weave's making")
            veth.join(host, bridge, outer)
            if inner.mtu != bridge.mtu:
                links.set_link(guest, inner, mtu=bridge.mtu)
            port = port_to(bridge, outer, inner, links.list_all_addresses(guest, inner), noted)
            if before is None:
                port = replace(port, given=Given(inner.mac, ()))
            forwarding = partial(veth.await_forwarding, host, outer)
            return _configure(namespace, guest, inner, addresses, multicast, port, forwarding, prepare)
        except BaseException:
            # The first failure is the one to tell; here the container may be dead, and everything gone with it.
            with suppress(HostError):
                if before is None:
                    links.delete_link(host, name)
            raise


def _configure(
    namespace: Namespace,
    guest: Netlink,
    inner: Link,
    addresses: Sequence[Cidr],
    multicast: bool,
    port: Port,
    forwarding: Callable[[], None],
    prepare: Callable[[Sequence[Cidr]], None],
) -> Change:
    """Have a container's end up, with its addresses, and announce those that are new.

    Args:
        namespace: where it is.
        guest: of that namespace.
        inner: the container's end.
        addresses: added in that order; they are taken away again when it fails.
        multicast: route multicast there too.
        port: the other end.
        forwarding: returns when frames pass the other end.
        prepare: as of `plug`.
    """
    added: list[Cidr] = []
    had = port.given.addresses
    try:
        namespace.call(lambda: _set_parameters(inner.name))
        with_ipv6 = any(cidr.version == 6 for cidr in addresses)
        if with_ipv6:
            namespace.call(lambda: _turn_ipv6_on(inner.name))
        present = links.list_all_addresses(guest, inner)
        port.guard([*had, *addresses])
        for cidr in addresses:
            if cidr not in present and cidr not in added:
                added.append(cidr)
                links.add_address(guest, inner, cidr)
        if not inner.up:
            links.set_link(guest, inner, up=True)
        if added:
            forwarding()
            namespace.call(lambda: neighbour.announce(inner.name, inner.mac, added))
        has = tuple(dict.fromkeys([*had, *addresses] if port.held else links.list_all_addresses(guest, inner)))
        if multicast and with_ipv6:
            links.add_route(guest, inner, MULTICAST_6)
        try:
            prepare(has)
        except HostError as error:
            raise _Unprepared(error) from error
        if multicast:
            links.add_route(guest, inner, MULTICAST)  # last: a program that waits for the network waits for this
        changed = (cidr for cidr in addresses if cidr in added or cidr not in had)
        return Change(tuple(dict.fromkeys(changed)), has)
    except BaseException:
        with suppress(HostError):
            for cidr in reversed(added):
                links.delete_address(guest, inner, cidr)
            port.guard(had)
        raise


def unplug(target: Target, addresses: Sequence[Cidr], *, noted: Noted = nobody_noted) -> Change:
    """Take addresses from a container; with the last one goes `ethwe`. Converges.

    Args:
        target: the container.
        addresses: those it does not have are left alone.
        noted: as of `plug`.

    Raises:
        HostError: the container is gone or was never on the network, or the kernel refused; nothing was changed.
    """
    with _configuring(target) as (namespace, host, guest):
        inner = links.get_link(guest, constants.GUEST_INTERFACE)
        if inner is None:
            raise HostError(f"it has no interface {constants.GUEST_INTERFACE}")
        present = links.list_all_addresses(guest, inner)
        port = port_of(host, inner, present, noted)
        had = port.given.addresses if port is not None else present
        leaving = tuple(cidr for cidr in dict.fromkeys([*present, *had]) if cidr in addresses)
        taken = [cidr for cidr in leaving if cidr in present]
        staying = tuple(cidr for cidr in had if cidr not in addresses)
        if not staying:
            links.delete_link(guest, constants.GUEST_INTERFACE)
            if port is not None:
                ingress.forget(port.name)
            return Change(leaving, ())
        namespace.call(lambda: sysctl.set_interface(constants.GUEST_INTERFACE))
        try:
            for cidr in taken:
                links.delete_address(guest, inner, cidr)
        except BaseException:
            with suppress(HostError):
                for cidr in taken:
                    links.add_address(guest, inner, cidr)
            raise
        if port is not None:
            port.guard(staying)
        return Change(leaving, staying)


def describe(target: Target) -> tuple[str, list[Cidr]] | None:
    """Return the MAC and the addresses of a container's `ethwe`, or nothing if it has none or is gone."""
    try:
        with Namespace(target.namespace) as namespace, namespace.call(Netlink) as guest:
            inner = links.get_link(guest, constants.GUEST_INTERFACE)
            return (inner.mac, links.list_all_addresses(guest, inner)) if inner else None
    except OSError:
        return None


def granted(target: Target) -> tuple[Sequence[Cidr], bool] | None:
    """Return the addresses that a container was given, and whether it is held to them; nothing if it is not there.

    Where it is not, or somebody took away the rules that say so, they are those that it has.
    """
    try:
        with Namespace(target.namespace) as namespace:
            return _granted(namespace, nobody_noted)
    except OSError:
        return None


def interfaces(target: Target) -> list[tuple[str, list[Cidr]]]:
    """Return MAC and addresses of all that a container has on the network; nothing if it is gone.

    Beside `ethwe` these are `ethwe0`, …, which the engine has put there for a Docker network of ours.
    """
    name = re.compile(rf"{constants.GUEST_INTERFACE}\d*")
    try:
        with Namespace(target.namespace) as namespace, namespace.call(Netlink) as guest:
            found = sorted(
                (link for link in links.list_links(guest) if name.fullmatch(link.name)), key=lambda it: it.name
            )
            return [(link.mac, links.list_all_addresses(guest, link)) for link in found]
    except OSError:
        return []


@contextmanager
def settled(target: Target, addresses: Sequence[Cidr]) -> Iterator[Sequence[Cidr]]:
    """Hold a container's lock, and yield the addresses of its `ethwe`: nobody changes them inside of the block.

    Of a container that is held to what it was given these are that, whatever it did to its interface.

    Args:
        target: the container.
        addresses: what is yielded when it is gone, or when there are no rules that say what it was given.
    """
    try:
        namespace = Namespace(target.namespace)
    except OSError:
        yield addresses
        return
    with namespace, namespace.locked():
        found = _granted(namespace, lambda: addresses)
        yield found[0] if found is not None else []


def _granted(namespace: Namespace, noted: Noted) -> tuple[Sequence[Cidr], bool] | None:
    """Return what the container there was given, and whether it is held to it; nothing if it is not on the network.

    Args:
        namespace: of the container.
        noted: as of `plug`.
    """
    with Netlink() as host, namespace.call(Netlink) as guest:
        inner = links.get_link(guest, constants.GUEST_INTERFACE)
        if inner is None:
            return None
        present = links.list_all_addresses(guest, inner)
        port = port_of(host, inner, present, noted)
        return (port.given.addresses, port.told) if port is not None else (present, False)


def _set_parameters(interface: str) -> None:
    sysctl.set_neighbour(interface)
    sysctl.set_interface(interface)
    sysctl.set_ipv6(interface, sysctl.NO_ADVICE)


def _turn_ipv6_on(interface: str) -> None:
    sysctl.turn_ipv6_on(interface)
    sysctl.set_ipv6("lo", sysctl.ON)  # by it a container reaches its own address


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
    except _Unprepared as failed:
        raise failed.error from failed.error.__cause__
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
