"""Links and addresses as values, and the few requests about them, and for routes through them, that weave makes."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_interface
from typing import Any

from weave_http.addresses import IP, Cidr, Network
from weave_http.errors import HostError
from weave_http.net import netlink
from weave_http.net.messages import ifaddrmsg, ifinfmsg, rtmsg
from weave_http.net.netlink import Netlink, NetlinkError
from weave_http.records import dataclass

IFF_UP, IFF_LOOPBACK, _IFF_NOARP = 0x1, 0x8, 0x80
IFLA_MASTER = 10
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_LINK, _IFLA_OPERSTATE = 1, 3, 4, 5, 16
_IFLA_LINKINFO, _IFLA_IFALIAS, _IFLA_LINK_NETNSID = 18, 20, 37
_INFO_KIND, _INFO_SLAVE_KIND, _INFO_SLAVE_DATA = 1, 4, 5
_BRPORT_STATE, _BRPORT_ISOLATED = 1, 33
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
LINK_ATTRIBUTES = 16
"""Where the attributes of an undecoded link begin."""
BRIDGE_PORTS = 1023
"""The most ports that the kernel gives a bridge."""
_LINK = struct.Struct("=4xiI")
"""Index and flags of an undecoded link."""
_ADDRESS = struct.Struct("=BB2xI")
"""Family, length of the prefix, and index of the link, of an undecoded address; its attributes are behind it."""
_SCOPE = 3
"""Where it stands there."""
_NOTHING = memoryview(b"")
_INDEX = slice(4, 8)
_KIND_VETH = b"\x09\0\x01\0veth\0"
"""IFLA_INFO_KIND as it stands in a message."""
_SKIP_STATISTICS = 8
_OPERATIONAL = 6
_FORWARDING = 3
_RT_TABLE_MAIN, _RTPROT_BOOT, _RT_SCOPE_LINK, _RTN_UNICAST = 254, 3, 253, 1
_BROADCAST_LONGEST_PREFIX = 30
_IFA_F_NODAD = 0x02
_RT_TABLE_LOCAL, _RTN_MULTICAST, _BEFORE_THE_KERNELS = 255, 5, 128


@dataclass(frozen=True, slots=True)
class Link:
    """One network device.

    Args:
        index: its number in its network namespace.
        name: its name there.
        kind: `bridge`, `veth`, `vxlan`, …; empty for hardware.
        mac: link-layer address, lower case with colons.
        mtu: bytes.
        up: whether it was set up; a carrier is another matter.
        loopback: whether it is `lo`.
        operational: whether it is up and has a carrier.
        master: index of the bridge or bond that it is a port of, or 0.
        peer: index of the other end (of a veth, in that end's namespace), or 0.
        peer_namespace: number that the namespace has for the other end's, -1 if that is the same.
        forwarding: whether it is a port whose bridge forwards frames on it.
        alias: what somebody wrote on it.
        isolated: whether it is a port that exchanges no frames with others that are so.
    """

    index: int
    name: str
    kind: str
    mac: str
    mtu: int
    up: bool
    loopback: bool
    operational: bool
    master: int
    peer: int
    peer_namespace: int
    forwarding: bool
    alias: str = ""
    isolated: bool = False


def _link(body: memoryview) -> Link:
    """Return an undecoded link as a value."""
    index, flags = _LINK.unpack_from(body)
    found = netlink.attributes(body, LINK_ATTRIBUTES)
    info = netlink.attributes(found.get(_IFLA_LINKINFO, _NOTHING))
    is_port = netlink.text(info.get(_INFO_SLAVE_KIND, _NOTHING)) == "bridge"
    port = netlink.attributes(info.get(_INFO_SLAVE_DATA, _NOTHING)) if is_port else {}
    return Link(
        index=index,
        name=netlink.text(found.get(_IFLA_IFNAME, _NOTHING)),
        kind=netlink.text(info.get(_INFO_KIND, _NOTHING)),
        mac=bytes(found.get(_IFLA_ADDRESS, _NOTHING)).hex(":"),
        mtu=netlink.number(found.get(_IFLA_MTU, _NOTHING)),
        up=bool(flags & IFF_UP),
        loopback=bool(flags & IFF_LOOPBACK),
        operational=netlink.number(found.get(_IFLA_OPERSTATE, _NOTHING)) == _OPERATIONAL,
        master=netlink.number(found.get(IFLA_MASTER, _NOTHING)),
        peer=netlink.number(found.get(_IFLA_LINK, _NOTHING)),
        peer_namespace=netlink.number(found[_IFLA_LINK_NETNSID], signed=True) if _IFLA_LINK_NETNSID in found else -1,
        forwarding=netlink.number(port.get(_BRPORT_STATE, _NOTHING)) == _FORWARDING,
        alias=netlink.text(found.get(_IFLA_IFALIAS, _NOTHING)),
        isolated=netlink.number(port.get(_BRPORT_ISOLATED, _NOTHING)) != 0,
    )


def index_of(name: str) -> int | None:
    """Return the index of the link with that name; nothing if there is none. It asks for far less than `get_link`."""
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return None


def get_link(kernel: Netlink, name: str = "", *, index: int = 0) -> Link | None:
    """Return the link with that name or index, or nothing."""
    message = ifinfmsg()
    message["index"] = index
    message["attrs"] = [("IFLA_EXT_MASK", _SKIP_STATISTICS)]
    if name:
        message["attrs"].append(("IFLA_IFNAME", name))
    try:
        return _link(kernel.look(message, netlink.RTM_GETLINK, f"look at {name or f'link {index}'}"))
    except NetlinkError as error:
        if error.absent:
            return None
        raise


def list_links(
    kernel: Netlink, *, kind: str = "", master: int = 0, keep: Callable[[memoryview], bool] | None = None
) -> list[Link]:
    """Return links of the namespace; the kernel chooses them, so that others cost next to nothing.

    Args:
        kernel: where.
        kind: only those of that kind; empty for all.
        master: index of a bridge, for its ports only; 0 for all.
        keep: looks at an undecoded link.
    """
    message = ifinfmsg()
    message["attrs"] = [("IFLA_EXT_MASK", _SKIP_STATISTICS)]
    if kind:
        message["attrs"].append(("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", kind)]}))
    if master:
        message["attrs"].append(("IFLA_MASTER", master))

    def take(body: memoryview) -> Link | None:
        return _link(body) if keep is None or keep(body) else None

    found = kernel.scan(message, netlink.RTM_GETLINK, "list the links", take)
    return [link for link in found if kind in ("", link.kind) and master in (0, link.master)]


def names(kernel: Netlink, kind: str, prefixes: str | tuple[str, ...]) -> set[str]:
    """Return the names of links of a kind that begin in one of some ways."""
    return {link.name for link in list_links(kernel, kind=kind) if link.name.startswith(prefixes)}


def raw_index(body: memoryview) -> int:
    """Return the index of an undecoded link, or of the link that an undecoded FDB entry is about."""
    return netlink.number(body[_INDEX])


def is_no_veth(body: memoryview) -> bool:
    """Tell whether an undecoded link is anything but a veth."""
    return _KIND_VETH not in bytes(body)


def add_link(
    kernel: Netlink, name: str, kind: str, data: Sequence[tuple[str, Any]], attributes: Sequence[tuple[str, Any]]
) -> None:
    """Create a link; it is left down.

    Args:
        kernel: where.
        name: its name.
        kind: as the kernel calls it.
        data: attributes of that kind (`IFLA_BR_…`, `VETH_INFO_PEER`, …).
        attributes: `IFLA_…` of the link itself.
    """
    message = ifinfmsg()
    info = [("IFLA_INFO_KIND", kind), *([("IFLA_INFO_DATA", {"attrs": list(data)})] if data else [])]
    message["attrs"] = [("IFLA_IFNAME", name), *attributes, ("IFLA_LINKINFO", {"attrs": info})]
    with _ports_left():
        kernel.execute(message, netlink.RTM_NEWLINK, netlink.CREATE_NEW, f"create {kind} {name}")


def set_link(
    kernel: Netlink,
    link: Link,
    *,
    up: bool = False,
    asks_nobody: bool = False,
    mtu: int | None = None,
    master: int | None = None,
    alias: str | None = None,
) -> None:
    """Change a link, all in one request.

    Args:
        kernel: where.
        link: the link.
        up: set it up; it is never set down.
        asks_nobody: have it send without asking by ARP who is there.
        mtu: bytes.
        master: index of a bridge.
        alias: text to be written on it.
    """
    message = ifinfmsg()
    message["index"] = link.index
    message["flags"] = message["change"] = (IFF_UP if up else 0) | (_IFF_NOARP if asks_nobody else 0)
    if mtu is not None:
        message["attrs"].append(("IFLA_MTU", mtu))
    if master is not None:
        message["attrs"].append(("IFLA_MASTER", master))
    if alias is not None:
        message["attrs"].append(("IFLA_IFALIAS", alias))
    with _ports_left():
        kernel.execute(message, netlink.RTM_NEWLINK, 0, f"change {link.name}")


def delete_link(kernel: Netlink, name: str = "", *, index: int = 0) -> bool:
    """Delete the link with that name or index, with its other end if it is a veth; return whether it was there."""
    message = ifinfmsg()
    message["index"] = index
    if name:
        message["attrs"] = [("IFLA_IFNAME", name)]
    try:
        kernel.execute(message, netlink.RTM_DELLINK, 0, f"delete {name or f'link {index}'}")
    except NetlinkError as error:
        if error.absent:
            return False
        raise
    return True


@contextmanager
def _ports_left() -> Iterator[None]:
    """Say in words of our own that a bridge is full; the kernel says "Exchange full"."""
    try:
        yield
    except NetlinkError as error:
        if error.code != errno.EXFULL:
            raise
        raise HostError(
            f"the bridge has {BRIDGE_PORTS:,} ports already, and Linux gives a bridge no more",
            hint="detach containers, or start this one on another host",
        ) from error


def list_addresses(kernel: Netlink, link: Link, family: int = socket.AF_INET) -> list[Cidr]:
    """Return a link's addresses of one family, in the order in which they were added, but for link-local IPv6 ones."""
    message = ifaddrmsg()
    message["family"] = family
    message["index"] = link.index

    def take(body: memoryview) -> Cidr | None:
        its_family, _, index = _ADDRESS.unpack_from(body)
        return raw_cidr(body) if index == link.index and its_family == family else None

    found: list[Cidr] = kernel.scan(message, netlink.RTM_GETADDR, f"list the addresses of {link.name}", take)
    if family == socket.AF_INET:
        return found
    return [cidr for cidr in reversed(found) if not cidr.is_link_local]  # the kernel has the latest first


def raw_cidr(body: memoryview) -> Cidr:
    """Return an undecoded address as a value."""
    _, prefix_length, _ = _ADDRESS.unpack_from(body)
    found = netlink.attributes(body, _ADDRESS.size)
    # IPv6 has IFA_LOCAL only where the other end has another address.
    return ip_interface((bytes(found.get(_IFA_LOCAL) or found[_IFA_ADDRESS]), prefix_length))


def is_link_local_6(body: memoryview) -> bool:
    """Tell whether an undecoded address is a link-local one of IPv6."""
    return body[0] == socket.AF_INET6 and body[_SCOPE] == _RT_SCOPE_LINK


def list_all_addresses(kernel: Netlink, link: Link) -> list[Cidr]:
    """Return a link's addresses as `list_addresses` does, those of IPv4 first."""
    return [*list_addresses(kernel, link), *list_addresses(kernel, link, socket.AF_INET6)]


def _address(link: Link, cidr: Cidr) -> Any:
    message = ifaddrmsg()
    message["family"] = family_of(cidr)
    message["index"] = link.index
    message["prefixlen"] = cidr.network.prefixlen
    message["attrs"] = [("IFA_LOCAL", str(cidr.ip)), ("IFA_ADDRESS", str(cidr.ip))]
    return message


def family_of(address: IP | Cidr | Network) -> int:
    """Return the family, as sockets number it."""
    return socket.AF_INET if address.version == 4 else socket.AF_INET6


def add_address(kernel: Netlink, link: Link, cidr: Cidr) -> bool:
    """Add an address; return whether it was new."""
    message = _address(link, cidr)
    if cidr.version == 4 and cidr.network.prefixlen <= _BROADCAST_LONGEST_PREFIX:
        message["attrs"].append(("IFA_BROADCAST", str(cidr.network.broadcast_address)))
    if cidr.version == 6:
        message["flags"] = (
            _IFA_F_NODAD  # who has it was settled before; to ask again delays the first packet by a second
        )
    try:
        kernel.execute(message, netlink.RTM_NEWADDR, netlink.CREATE_NEW, f"add {cidr} to {link.name}")
    except NetlinkError as error:
        if error.exists:
            return False
        raise
    return True


def delete_address(kernel: Netlink, link: Link, cidr: Cidr) -> bool:
    """Delete an address; return whether it was there."""
    try:
        kernel.execute(_address(link, cidr), netlink.RTM_DELADDR, 0, f"delete {cidr} from {link.name}")
    except NetlinkError as error:
        if error.absent:
            return False
        raise
    return True


def add_route(kernel: Netlink, link: Link, destination: Network, *, mtu: int | None = None) -> bool:
    """Send a destination out of a link, unless there is a route for it; return whether it is new.

    The route has the link's MTU, unless another one is given, in bytes. The kernel has a route for multicast of IPv6 by
    each link that has any, which count the same: ours counts more.
    """
    message = rtmsg()
    message["family"] = family_of(destination)
    message["dst_len"] = destination.prefixlen
    message["table"], message["proto"] = _RT_TABLE_MAIN, _RTPROT_BOOT
    message["scope"], message["type"] = _RT_SCOPE_LINK, _RTN_UNICAST
    message["attrs"] = [("RTA_DST", str(destination.network_address)), ("RTA_OIF", link.index)]
    if mtu is not None:
        message["attrs"].append(("RTA_METRICS", {"attrs": [("RTAX_MTU", mtu)]}))
    if destination.version == 6 and destination.is_multicast:
        message["table"], message["type"] = _RT_TABLE_LOCAL, _RTN_MULTICAST
        message["attrs"].append(("RTA_PRIORITY", _BEFORE_THE_KERNELS))
    doing = f"route {destination} through {link.name}"
    try:
        kernel.execute(message, netlink.RTM_NEWROUTE, netlink.CREATE_NEW, doing)
    except NetlinkError as error:
        if error.exists:
            return False
        raise
    return True
