"""Ports of our bridges whose containers are gone.

The kernel takes a veth away with the network namespace of its other end, unless somebody holds that: Podman's service
does for a while, and the address of a container that was removed would still answer.

A look costs one system call a port: for each it is remembered by which process its namespace was last seen to be in
use, and only when that process has left are all processes looked at.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress

from weave_http import constants
from weave_http.net import links, netlink, sysctl
from weave_http.net.links import Link
from weave_http.net.messages import nsidmsg
from weave_http.net.netlink import Netlink
from weave_http.net.netns import Namespace
from weave_http.records import dataclass


@dataclass(frozen=True, slots=True)
class _Witness:
    """A process that was in a namespace.

    Args:
        path: file that names its namespace.
        identity: what that file said.
    """

    path: str
    identity: str

    @property
    def is_there(self) -> bool:
        return _identity(self.path) == self.identity


@dataclass(slots=True)
class _Port:
    """One port.

    Args:
        link: the host's end.
        patience: looks after which it is dead if no process is ever seen at the other end: an engine may fill a
            namespace before it starts a process there.
    """

    link: Link
    patience: int = 1


class Ports:
    """The host's ends of the containers' veths, as last looked at.

    Args:
        procfs: where the host's /proc is mounted; in another one the containers' processes are not to be seen.
    """

    def __init__(self, procfs: str) -> None:
        self._procfs = procfs
        self._known: dict[int, _Port] = {}
        self._witnesses: dict[int, _Witness] = {}

    def remove_dead(self) -> list[str]:
        """Delete the veths into namespaces that no process is in any more.

        Returns:
            the names of those that were there.

        Raises:
            HostError: the kernel refused.
        """
        with Netlink() as kernel:
            self._look(kernel)
            if all(self._is_inhabited(port) for port in self._known.values()):
                return []
            self._witnesses = _witnesses(kernel, self._procfs)
            dead = [port.link for port in self._known.values() if self._is_dead(port)]
            return [link.name for link in dead if links.delete_link(kernel, index=link.index)]

    def set_mtu(self, mtu: int) -> list[str]:
        """Give both ends of each veth the network's MTU.

        Args:
            mtu: in bytes.

        Returns:
            the names of the ports where it was another one.

        Raises:
            HostError: the kernel refused.
        """
        changed = []
        with Netlink() as kernel:
            ports = _found(kernel)
            witnesses = _witnesses(kernel, self._procfs) if ports else {}
            for port in ports:
                witness = witnesses.get(port.peer_namespace)
                inner = witness is not None and _set_inner_mtu(witness.path, port.peer, mtu)
                if port.mtu != mtu:
                    links.set_link(kernel, port, mtu=mtu)
                    sysctl.set_ipv6(port.name)  # with a larger MTU it may have got some
                if inner or port.mtu != mtu:
                    changed.append(port.name)
        return changed

    def _look(self, kernel: Netlink) -> None:
        """Note which ports there are; of those known already, nothing but the index is read."""
        present: set[int] = set()

        def is_new(body: memoryview) -> bool:
            index = links.raw_index(body)
            present.add(index)
            return index not in self._known

        for link in _found(kernel, is_new):
            if link.peer_namespace >= 0:
                self._known[link.index] = _Port(link)
                # One that an earlier version of weave made may have IPv6 yet.
                sysctl.set_ipv6(link.name)
        self._known = {index: port for index, port in self._known.items() if index in present}

    def _is_dead(self, port: _Port) -> bool:
        if self._is_inhabited(port):
            port.patience = 0
            return False
        port.patience -= 1
        return port.patience < 0

    def _is_inhabited(self, port: _Port) -> bool:
        witness = self._witnesses.get(port.link.peer_namespace)
        return witness is not None and witness.is_there


def port_names() -> list[str]:
    """Return the names of the host's ends of the containers' veths. Raises `HostError`."""
    with Netlink() as kernel:
        return [link.name for link in _found(kernel)]


def _found(kernel: Netlink, keep: Callable[[memoryview], bool] | None = None) -> list[Link]:
    """Return the veths on our bridges: of the network of all, and of further Docker networks."""
    ours = [
        link.index
        for link in links.list_links(kernel, kind="bridge")
        if link.name == constants.BRIDGE or link.name.startswith(constants.SEGMENT_BRIDGE_PREFIX)
    ]
    found = (link for bridge in ours for link in links.list_links(kernel, master=bridge, keep=keep))
    return [link for link in found if link.name.startswith(constants.HOST_VETH_PREFIX)]


def _set_inner_mtu(path: str, index: int, mtu: int) -> bool:
    """Set the MTU of a link in a container; return whether it was another one. One that is gone needs none."""
    try:
        namespace = Namespace(path)
    except OSError:
        return False
    with namespace, namespace.call(Netlink) as guest:
        inner = links.get_link(guest, index=index)
        if inner is None or inner.mtu == mtu:
            return False
        links.set_link(guest, inner, mtu=mtu)
        return True


def _identity(path: str) -> str:
    """Return what names the namespace of a process, or nothing if that has ended."""
    with suppress(OSError):
        return os.readlink(path)
    return ""


def _witnesses(kernel: Netlink, procfs: str) -> dict[int, _Witness]:
    """Return a process for each namespace that there is one in, by the number that this namespace has for that one."""
    found: dict[str, str] = {}
    for pid in filter(str.isdecimal, os.listdir(procfs)):
        path = f"{procfs}/{pid}/ns/net"
        found.setdefault(_identity(path), path)
    found.pop("", None)
    numbered = {}
    for identity, path in found.items():
        with suppress(OSError), Namespace(path) as namespace:  # it may have ended meanwhile
            numbered[_number(kernel, namespace)] = _Witness(path, identity)
    return numbered


def _number(kernel: Netlink, namespace: Namespace) -> int:
    """Return the number that this namespace has for another one; one that no link has if there is none."""
    message = nsidmsg()
    message["attrs"] = [("NETNSA_FD", namespace.fd)]
    answer = kernel.get(message, netlink.RTM_GETNSID, "look at a network namespace")
    return int(answer.get_attr("NETNSA_NSID"))
