"""Frames over other hosts: which rules there must be for that, and the route that goes with them. Pure, but for it.

A host that is reached over others has a *virtual* underlay address, which exists in rules only: a packet to it goes to
the next host on the path, at the UDP port by which the hosts on the path know it (the *label*); and what comes from
there at that port is given the virtual address as its source, so the VXLAN device learns who is behind it as ever. A
host in between turns what comes from one neighbour at that port into a packet of its own to the other one, at the same
port. There is no further device, so the MTU is that of the direct way. On a network with a password it is packets of a
tunnel that go so, which those in between can't read. docs/paths.md has an example.

Where a host in between knows one neighbour by IPv4 and the other one by IPv6, no rule can do that; then it has a pair
of devices for the path (`weave_http.net.transit`).
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network

from weave_http import constants
from weave_http.addresses import GREATEST_PORT, IP, Network, endpoint
from weave_http.net import links, routes
from weave_http.net.netlink import Netlink
from weave_http.records import dataclass

_LABELS = 256
VIRTUAL: dict[int, Network] = {4: IPv4Network("248.0.0.0/5"), 6: IPv6Network("100::/64")}
"""Where the virtual addresses are, by version of IP: networks that are in use nowhere. Tunnels have the other half of
that of IPv4; that of IPv6 is the one that packets are thrown away by (RFC 6666)."""
OUT, BACK, SOURCE, MASK, PASS, IN = (
    "WEAVE-RELAY-OUT",
    "WEAVE-RELAY-BACK",
    "WEAVE-RELAY-SRC",
    "WEAVE-RELAY-MASK",
    "WEAVE-RELAY",
    "WEAVE-RELAY-IN",
)
"""Chains of ours: of `nat` but for the last two, which are of `filter`."""
CHAINS = (OUT, BACK, SOURCE, MASK, PASS, IN)
_ROUTE_MTU = 65520
"""The most that the kernel takes; the MTU of the way that rules give a packet is what counts."""
_TRANSLATED = "-m conntrack --ctstate DNAT"


@dataclass(frozen=True, slots=True)
class Leg:
    """This host's end of a path.

    Args:
        virtual: underlay address that stands for the host at the other end.
        by: that of the next host.
        label: UDP port by which the path is known.
        tunnelled: whether what goes there are packets of the tunnel; else they are frames as they are.
    """

    virtual: IP
    by: IP
    label: int
    tunnelled: bool = False

    def port(self, data: int) -> int:
        """Return the UDP port at either end, given that for data."""
        return tunnel_port(data) if self.tunnelled else data


@dataclass(frozen=True, slots=True)
class Forward:
    """What this host does for two others, in one direction.

    Args:
        source: underlay address of the host that packets come from.
        label: UDP port at which they come, and go.
        to: underlay address of the host that they go to.
    """

    source: IP
    label: int
    to: IP


@dataclass(frozen=True, slots=True)
class Relays:
    """This host's part in all paths."""

    legs: tuple[Leg, ...] = ()
    forwards: tuple[Forward, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.legs or self.forwards)

    @property
    def transits(self) -> tuple[Forward, ...]:
        """What goes from IPv4 to IPv6 at this host, and with it what goes the other way."""
        return tuple(each for each in self.forwards if (each.source.version, each.to.version) == (4, 6))


def labels(port: int) -> range:
    """Return the UDP ports between hosts on a path: those that follow the port for data."""
    first = port + 1 if port + _LABELS < GREATEST_PORT else port - 2 - _LABELS
    return range(first, first + _LABELS)


def tunnel_port(port: int) -> int:
    """Return the UDP port at both ends of a path for packets of the tunnel, given that for data."""
    return labels(port).stop


def rules(relays: Relays, port: int, bridges: Iterable[str], version: int = 4) -> dict[str, tuple[str, ...]]:
    """Return the rules by chain, as `iptables-save` prints them.

    Args:
        relays: this host's part in all paths.
        port: UDP port for data.
        bridges: that only containers hang on: what comes from there is no other host's.
        version: of IP that the rules are for.
    """
    span = labels(port)
    ports = f"{span[0]}:{span[-1]}"
    legs = [leg for leg in relays.legs if leg.by.version == version]
    forwards = [each for each in relays.forwards if each.source.version == each.to.version == version]
    coming = [(ip, each.label) for each in relays.transits for ip in (each.source, each.to) if ip.version == version]
    nexts = sorted({leg.by for leg in legs} | {each.to for each in forwards}, key=int)
    return {
        OUT: tuple(
            f"-d {_one(leg.virtual)} -p udp -m udp --dport {leg.port(port)} -j DNAT"
            f" --to-destination {endpoint(leg.by, leg.label)}"
            for leg in legs
        ),
        BACK: (
            *(
                f"-s {_one(leg.by)} -p udp -m udp --dport {leg.label} -j REDIRECT --to-ports {leg.port(port)}"
                for leg in legs
            ),
            *(
                f"-s {_one(each.source)} -p udp -m udp --dport {each.label} -j DNAT"
                f" --to-destination {endpoint(each.to, each.label)}"
                for each in forwards
            ),
        ),
        SOURCE: tuple(
            f"-s {_one(leg.by)} -p udp -m conntrack --ctorigdstport {leg.label} -j SNAT --to-source {leg.virtual}"
            for leg in legs
        ),
        MASK: tuple(f"-d {_one(ip)} -p udp -m udp --dport {ports} {_TRANSLATED} -j MASQUERADE" for ip in nexts),
        PASS: (
            *(f"-d {_one(ip)} -i {bridge} -p udp -m udp --dport {ports} -j DROP" for bridge in bridges for ip in nexts),
            # Packets of a tunnel are answered within their flow: what goes back has the port of its other end.
            *(f"-d {_one(ip)} -p udp {_TRANSLATED} --ctorigdstport {ports} -j ACCEPT" for ip in nexts),
        ),
        IN: (
            *(f"-i {bridge} -j DROP" for bridge in bridges if coming),
            *(f"-s {_one(ip)} -p udp -m udp --dport {label} -j RETURN" for ip, label in coming),
            *(f"-p udp -m udp --dport {label} -j DROP" for _, label in coming),
        ),
    }


def _one(ip: IP) -> str:
    return f"{ip}/{ip.max_prefixlen}"


def ensure_routes(relays: Relays) -> None:
    """Have routes for the virtual addresses, or the kernel sends nothing there; rules give it another one.

    That of IPv4 leads to the bridge, and is gone with it. The bridge has no IPv6: that of IPv6 leads where the first of
    the hosts is that are next on a path, and goes when there is none. Raises `HostError`.
    """
    nexts = {leg.by.version: leg.by for leg in reversed(relays.legs)}
    with Netlink() as kernel:
        bridge = links.get_link(kernel, constants.BRIDGE)
        if bridge is not None and 4 in nexts:
            links.add_route(kernel, bridge, VIRTUAL[4], mtu=_ROUTE_MTU)
        if 6 not in nexts:
            routes.delete_route(kernel, VIRTUAL[6])
        elif link := routes.link_to(kernel, nexts[6]):
            links.add_route(kernel, link, VIRTUAL[6])
        for version in VIRTUAL.keys() - nexts.keys():
            routes.delete_dead_end(kernel, _nobody(version))  # of a router that was killed while it looked up anew


def look_up_anew(versions: Iterable[int]) -> None:
    """Have the kernel look up anew how other hosts are reached.

    A VXLAN device keeps with an address that it learnt the route to the host behind it. When frames from there begin to
    come another way, it learns the new host and keeps the old route: frames for the real address of a host would leave
    by the device that led to its virtual one, and get lost. Any change of routes ends that.

    Args:
        versions: of IP that they are reached over; of 6 this concerns virtual addresses only.

    Raises:
        HostError: the kernel refused.
    """
    with Netlink() as kernel:
        for version in versions:
            routes.add_dead_end(kernel, _nobody(version))
            routes.delete_dead_end(kernel, _nobody(version))


def _nobody(version: int) -> Network:
    """Return where no host is among the virtual addresses."""
    return ip_network(VIRTUAL[version].network_address)


def is_virtual(ip: IP) -> bool:
    """Tell whether an underlay address stands for a host that is reached over others."""
    return ip in VIRTUAL[ip.version]
