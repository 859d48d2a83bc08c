"""The host itself on the network: addresses on the bridge `weave`, and the rules that go with each.

An exposed address lets the host reach its subnet, the subnet's containers reach what the host reaches, and others who
route through the host reach the containers. Both steps converge: done twice is done once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress

from weave_http import constants
from weave_http.addresses import Cidr
from weave_http.errors import HostError
from weave_http.net import firewall, links, neighbour, sysctl
from weave_http.net.bridge import settle_ipv6
from weave_http.net.iptables import Kept
from weave_http.net.netlink import Netlink
from weave_http.net.netns import host_locked
from weave_http.net.relays import Relays
from weave_http.net.rules import Guard
from weave_http.records import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """How things are after a step.

    Args:
        exposed: all exposed addresses, and whether each masquerades.
        changed: whether anything had to be done to the rules.
    """

    exposed: Mapping[Cidr, bool]
    changed: bool


def expose(
    wanted: Callable[[], Mapping[Cidr, bool]],
    engine_bridge: str = constants.DOCKER_BRIDGE,
    *,
    guard: Guard | None = None,
    relayed: Relays | None = None,
    data: Mapping[int, Sequence[str]] | None = None,
    kept: Kept | None = None,
) -> Outcome:
    """Give the host addresses on the network, and have all rules there. The bridge must be there.

    Args:
        wanted: says, under the host's lock, which addresses, and whether each masquerades. Where the kernel has no
            IPv6, such ones are left out: those of IPv4 are not to suffer from it.
        engine_bridge: name of the engine's default bridge.
        guard: ports to protect; None for those that are protected already.
        relayed: this host's part in paths over others; None for what it is already.
        data: rules for what comes in at the port for data, by version of IP; None for those that are there already.
        kept: what was read of the rules before, by who looks again and again.

    Raises:
        HostError: the kernel refused; no address was added.
    """
    with host_locked(), Netlink() as kernel:
        exposed = {cidr: each for cidr, each in wanted().items() if cidr.version == 4 or sysctl.has_ipv6()}
        bridge = links.get_link(kernel, constants.BRIDGE)
        if bridge is None:
            raise HostError(f"bridge {constants.BRIDGE} is missing")
        present = links.list_all_addresses(kernel, bridge)
        missing = [cidr for cidr in exposed if cidr not in present]
        added: list[Cidr] = []
        try:
            # First the rules: from the first moment on, nobody gets in who shall not.
            outcome = firewall.converge(engine_bridge, exposed, guard=guard, relayed=relayed, data=data, kept=kept)
            if missing:
                sysctl.set_interface(constants.BRIDGE)
            if any(cidr.version == 6 for cidr in missing):
                sysctl.turn_ipv6_on(constants.BRIDGE, sysctl.IPV6_OF_THE_HOST)
            for cidr in missing:
                added.append(cidr)
                links.add_address(kernel, bridge, cidr)
            neighbour.announce(constants.BRIDGE, bridge.mac, missing)
        except BaseException:
            with suppress(HostError):
                for cidr in added:
                    links.delete_address(kernel, bridge, cidr)
                firewall.converge(engine_bridge)
            raise
        return Outcome(*outcome)


def hide(addresses: Collection[Cidr], engine_bridge: str = constants.DOCKER_BRIDGE) -> None:
    """Take addresses of the host away, and the rules of subnets that it has no other one in.

    Args:
        addresses: those it does not have are left alone.
        engine_bridge: name of the engine's default bridge.

    Raises:
        HostError: the kernel refused.
    """
    with host_locked(), Netlink() as kernel:
        bridge = links.get_link(kernel, constants.BRIDGE)
        if bridge is None:
            return
        leaving = [cidr for cidr in links.list_all_addresses(kernel, bridge) if cidr in addresses]
        if not leaving:
            return
        # First the rules, as they are found by the addresses.
        firewall.converge(engine_bridge, hidden=leaving)
        sysctl.set_interface(constants.BRIDGE)
        for cidr in leaving:
            links.delete_address(kernel, bridge, cidr)
        settle_ipv6(kernel, bridge)
