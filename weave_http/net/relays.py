"""Frames over other hosts: which rules there must be for that, and the route that goes with them. Pure, but for it.

A host that is reached over others has a *virtual* underlay address, which exists in rules only: a packet to it goes to
the next host on the path, at the UDP port by which the hosts on the path know it (the *label*); and what comes from
there at that port is given the virtual address as its source, so the VXLAN device learns who is behind it as ever. A
host in between turns what comes from one neighbour at that port into a packet of its own to the other one, at the same
port. There is no further VXLAN device, so the MTU is that of the direct way. On a network with a password it is packets
of a tunnel that go so, which those in between can't read. docs/paths.md has an example.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from weave_http import constants
from weave_http.addresses import GREATEST_PORT, IP
from weave_http.net import links
from weave_http.net.netlink import Netlink

_LABELS = 256
VIRTUAL = IPv4Network("248.0.0.0/5")
"""Where the virtual addresses are: a network that is in use nowhere; tunnels have the other half of it."""
OUT, BACK, SOURCE, MASK, PASS = (
    "WEAVE-RELAY-OUT",
    "WEAVE-RELAY-BACK",
    "WEAVE-RELAY-SRC",
    "WEAVE-RELAY-MASK",
    "WEAVE-RELAY",
)
"""Chains of ours: of `nat` but for the last one, which is of `filter`."""
CHAINS = (OUT, BACK, SOURCE, MASK, PASS)
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


def labels(port: int) -> range:
    """Return the UDP ports between hosts on a path: those that follow the port for data."""
    first = port + 1 if port + _LABELS < GREATEST_PORT else port - 2 - _LABELS
    return range(first, first + _LABELS)


def tunnel_port(port: int) -> int:
    """Return the UDP port at both ends of a path for packets of the tunnel, given that for data."""
    return labels(port).stop


def rules(relays: Relays, port: int, bridges: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the rules by chain, as `iptables-save` prints them.

    Args:
        relays: this host's part in all paths.
        port: UDP port for data.
        bridges: that only containers hang on: what comes from there is no other host's.
    """
    ports = f"{labels(port)[0]}:{labels(port)[-1]}"
    nexts = sorted({leg.by for leg in relays.legs} | {each.to for each in relays.forwards}, key=int)
    return {
        OUT: tuple(
            f"-d {leg.virtual}/32 -p udp -m udp --dport {leg.port(port)} -j DNAT --to-destination {leg.by}:{leg.label}"
            for leg in relays.legs
        ),
        BACK: (
            *(
                f"-s {leg.by}/32 -p udp -m udp --dport {leg.label} -j REDIRECT --to-ports {leg.port(port)}"
                for leg in relays.legs
            ),
            *(
                f"-s {each.source}/32 -p udp -m udp --dport {each.label} -j DNAT"
                f" --to-destination {each.to}:{each.label}"
                for each in relays.forwards
            ),
        ),
        SOURCE: tuple(
            f"-s {leg.by}/32 -p udp -m conntrack --ctorigdstport {leg.label} -j SNAT --to-source {leg.virtual}"
            for leg in relays.legs
        ),
        MASK: tuple(f"-d {ip}/32 -p udp -m udp --dport {ports} {_TRANSLATED} -j MASQUERADE" for ip in nexts),
        PASS: (
            *(f"-d {ip}/32 -i {bridge} -p udp -m udp --dport {ports} -j DROP" for bridge in bridges for ip in nexts),
            # Packets of a tunnel are answered within their flow: what goes back has the port of its other end.
            *(f"-d {ip}/32 -p udp {_TRANSLATED} --ctorigdstport {ports} -j ACCEPT" for ip in nexts),
        ),
    }


def ensure_route() -> None:
    """Have a route for the virtual addresses, or the kernel sends nothing there; rules give it another one.

    It leads to the bridge, and is gone with it. Raises `HostError`.
    """
    with Netlink() as kernel:
        bridge = links.get_link(kernel, constants.BRIDGE)
        if bridge is not None:
            links.add_route(kernel, bridge, VIRTUAL, mtu=_ROUTE_MTU)


def is_virtual(ip: IP) -> bool:
    """Tell whether an underlay address stands for a host that is reached over others."""
    return isinstance(ip, IPv4Address) and ip in VIRTUAL
