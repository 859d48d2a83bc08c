"""Links, addresses and routes as values, and the few requests about them that weave makes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from weave_http.net import netlink
from weave_http.net.messages import ifaddrmsg, ifinfmsg, rtmsg
from weave_http.net.netlink import Netlink, NetlinkError

IFF_UP, IFF_LOOPBACK = 0x1, 0x8
_AF_INET = 2
_SKIP_STATISTICS = 8
_OPERATIONAL = "UP"
_FORWARDING = 3
_RT_TABLE_MAIN, _RTPROT_BOOT, _RT_SCOPE_LINK, _RTN_UNICAST = 254, 3, 253, 1
_BROADCAST_LONGEST_PREFIX = 30


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


def _link(message: Any) -> Link:
    info = message.get_attr("IFLA_LINKINFO")
    port = info.get_attr("IFLA_INFO_SLAVE_DATA") if info else None
    state = port.get_attr("IFLA_BRPORT_STATE") if port and hasattr(port, "get_attr") else None
    return Link(
        index=message["index"],
        name=message.get_attr("IFLA_IFNAME"),
        kind=(info.get_attr("IFLA_INFO_KIND") if info else None) or "",
        mac=message.get_attr("IFLA_ADDRESS") or "",
        mtu=message.get_attr("IFLA_MTU") or 0,
        up=bool(message["flags"] & IFF_UP),
        loopback=bool(message["flags"] & IFF_LOOPBACK),
        operational=message.get_attr("IFLA_OPERSTATE") == _OPERATIONAL,
        master=message.get_attr("IFLA_MASTER") or 0,
        peer=message.get_attr("IFLA_LINK") or 0,
        peer_namespace=-1 if (number := message.get_attr("IFLA_LINK_NETNSID")) is None else number,
        forwarding=state == _FORWARDING,
        alias=message.get_attr("IFLA_IFALIAS") or "",
    )


def get_link(kernel: Netlink, name: str = "", *, index: int = 0) -> Link | None:
    """Return the link with that name or index, or nothing."""
    message = ifinfmsg()
    message["index"] = index
    message["attrs"] = [("IFLA_EXT_MASK", _SKIP_STATISTICS)]
    if name:
        message["attrs"].append(("IFLA_IFNAME", name))
    try:
        return _link(kernel.get(message, netlink.RTM_GETLINK, f"look at {name or f'link {index}'}"))
    except NetlinkError as error:
        if error.absent:
            return None
        raise


def list_links(kernel: Netlink) -> list[Link]:
    """Return all links of the namespace."""
    message = ifinfmsg()
    message["attrs"] = [("IFLA_EXT_MASK", _SKIP_STATISTICS)]
    return [_link(answer) for answer in kernel.dump(message, netlink.RTM_GETLINK, "list the links")]


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
    message["attrs"] = [
        ("IFLA_IFNAME", name),
        *attributes,
        ("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", kind), ("IFLA_INFO_DATA", {"attrs": list(data)})]}),
    ]
    kernel.execute(message, netlink.RTM_NEWLINK, netlink.CREATE_NEW, f"create {kind} {name}")


def set_link(
    kernel: Netlink,
    link: Link,
    *,
    up: bool = False,
    mtu: int | None = None,
    master: int | None = None,
    alias: str | None = None,
) -> None:
    """Change a link, all in one request.

    Args:
        kernel: where.
        link: the link.
        up: set it up; it is never set down.
        mtu: bytes.
        master: index of a bridge.
        alias: text to be written on it.
    """
    message = ifinfmsg()
    message["index"] = link.index
    if up:
        message["flags"] = message["change"] = IFF_UP
    if mtu is not None:
        message["attrs"].append(("IFLA_MTU", mtu))
    if master is not None:
        message["attrs"].append(("IFLA_MASTER", master))
    if alias is not None:
        message["attrs"].append(("IFLA_IFALIAS", alias))
    kernel.execute(message, netlink.RTM_NEWLINK, 0, f"change {link.name}")


def delete_link(kernel: Netlink, name: str) -> bool:
    """Delete a link, with its other end if it is a veth; return whether it was there."""
    message = ifinfmsg()
    message["attrs"] = [("IFLA_IFNAME", name)]
    try:
        kernel.execute(message, netlink.RTM_DELLINK, 0, f"delete {name}")
    except NetlinkError as error:
        if error.absent:
            return False
        raise
    return True


def list_addresses(kernel: Netlink, link: Link) -> list[str]:
    """Return a link's IPv4 addresses in CIDR notation, in the kernel's order."""
    message = ifaddrmsg()
    message["family"] = _AF_INET
    answers = kernel.dump(message, netlink.RTM_GETADDR, f"list the addresses of {link.name}")
    return [
        f"{answer.get_attr('IFA_LOCAL')}/{answer['prefixlen']}"
        for answer in answers
        if answer["index"] == link.index and answer["family"] == _AF_INET
    ]


def _address(link: Link, cidr: str) -> Any:
    ip, _, prefix = cidr.partition("/")
    message = ifaddrmsg()
    message["family"] = _AF_INET
    message["index"] = link.index
    message["prefixlen"] = int(prefix)
    message["attrs"] = [("IFA_LOCAL", ip), ("IFA_ADDRESS", ip)]
    return message


def add_address(kernel: Netlink, link: Link, cidr: str) -> bool:
    """Add an IPv4 address; return whether it was new."""
    message = _address(link, cidr)
    if message["prefixlen"] <= _BROADCAST_LONGEST_PREFIX:
        message["attrs"].append(("IFA_BROADCAST", _broadcast(cidr)))
    try:
        kernel.execute(message, netlink.RTM_NEWADDR, netlink.CREATE_NEW, f"add {cidr} to {link.name}")
    except NetlinkError as error:
        if error.exists:
            return False
        raise
    return True


def delete_address(kernel: Netlink, link: Link, cidr: str) -> bool:
    """Delete an IPv4 address; return whether it was there."""
    try:
        kernel.execute(_address(link, cidr), netlink.RTM_DELADDR, 0, f"delete {cidr} from {link.name}")
    except NetlinkError as error:
        if error.absent:
            return False
        raise
    return True


def _broadcast(cidr: str) -> str:
    ip, _, prefix = cidr.partition("/")
    number = int.from_bytes(bytes(map(int, ip.split("."))), "big") | (1 << 32 - int(prefix)) - 1
    return ".".join(map(str, number.to_bytes(4, "big")))


def add_route(kernel: Netlink, link: Link, destination: str) -> bool:
    """Send a destination out of a link, unless there is a route for it; return whether it is new.

    Args:
        kernel: where.
        link: the way out.
        destination: IPv4 network in CIDR notation.
    """
    network, _, prefix = destination.partition("/")
    message = rtmsg()
    message["family"] = _AF_INET
    message["dst_len"] = int(prefix)
    message["table"], message["proto"] = _RT_TABLE_MAIN, _RTPROT_BOOT
    message["scope"], message["type"] = _RT_SCOPE_LINK, _RTN_UNICAST
    message["attrs"] = [("RTA_DST", network), ("RTA_OIF", link.index)]
    doing = f"route {destination} through {link.name}"
    try:
        kernel.execute(message, netlink.RTM_NEWROUTE, netlink.CREATE_NEW, doing)
    except NetlinkError as error:
        if error.exists:
            return False
        raise
    return True


def default_route_link(kernel: Netlink) -> Link | None:
    """Return the link of the IPv4 default route with the lowest metric, or nothing."""
    message = rtmsg()
    message["family"] = _AF_INET
    # The second byte is the destination's length: a router's hundred thousand other routes are not decoded.
    answers = kernel.dump(message, netlink.RTM_GETROUTE, "list the routes", keep=lambda body: body[1] == 0)
    routes = [
        (answer.get_attr("RTA_PRIORITY") or 0, index)
        for answer in answers
        if answer["table"] == _RT_TABLE_MAIN and answer["type"] == _RTN_UNICAST and (index := _way_out(answer))
    ]
    return get_link(kernel, index=min(routes)[1]) if routes else None


def _way_out(route: Any) -> int:
    """Return the index of the link that a route uses, the first one of a multipath route, or 0."""
    hops = route.get_attr("RTA_MULTIPATH")
    return route.get_attr("RTA_OIF") or (hops[0]["oif"] if hops else 0)
