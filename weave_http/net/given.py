"""The host's end of a container's cable, and what the container behind it was given, whatever it did to its own end."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from weave_http import constants
from weave_http.addresses import Cidr
from weave_http.net import ingress, links, veth
from weave_http.net.ingress import Given
from weave_http.net.links import Link
from weave_http.net.netlink import Netlink
from weave_http.records import dataclass

Noted = Callable[[], Sequence[Cidr] | None]
"""Returns what somebody noted that a container was given; None if nobody did."""


def nobody_noted() -> None:
    """Be a `Noted` where there are no notes."""


@dataclass(frozen=True, slots=True)
class Port:
    """The host's end of a container's cable.

    Args:
        bridge: that it is on.
        name: of it.
        held: whether the container is held to what it was given.
        given: what that is; where it is not held, its addresses and MAC as they are.
        told: whether the rules say so.
    """

    bridge: Link
    name: str
    held: bool
    given: Given
    told: bool

    def guard(self, addresses: Sequence[Cidr]) -> None:
        """Have the host take from the container what one that was given these may send. Raises `HostError`."""
        ingress.guard(self.bridge, self.name, self.given.mac, addresses)


def port_to(bridge: Link, outer: Link, inner: Link, present: Sequence[Cidr], noted: Noted) -> Port:
    """Return a port, with what the container behind it was given: by the rules, else as noted, else what it has.

    Args:
        bridge: that it is on.
        outer: the host's end.
        inner: the container's end.
        present: addresses of that.
        noted: asked if the rules were taken away.

    Raises:
        HostError: the kernel or the router refused.
    """
    held = ingress.enforced(bridge)
    told = ingress.given(outer.name) if held else None
    known = noted() if held and told is None else None
    given = told or Given(inner.mac, tuple(present if known is None else known))
    return Port(bridge, outer.name, held, given, told is not None)


def port_of(host: Netlink, inner: Link, present: Sequence[Cidr], noted: Noted) -> Port | None:
    """Return the port of a container's end as `port_to` does, or nothing if that is not on our bridge."""
    bridge, outer = links.get_link(host, constants.BRIDGE), veth.other_end(host, inner)
    return port_to(bridge, outer, inner, present, noted) if bridge is not None and outer is not None else None
