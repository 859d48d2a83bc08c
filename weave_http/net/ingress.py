"""What the host takes from a container's end of a cable; which rules there must be is pure, `nftables` puts them there.

Always: nobody may say to containers of other subnets where routers or neighbours are. With `weave launch --enforce` a
container sends from the addresses and the MAC that it was given, and from nothing else. What that is stands in comments
beside the rules: whoever is root in a container can change its interface, but not these.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import nullcontext, suppress
from ipaddress import IPv6Network

from weave_http import constants
from weave_http.addresses import IP, Cidr, Network, parse_cidr
from weave_http.errors import HostError
from weave_http.net import links, nftables
from weave_http.net.links import Link
from weave_http.net.neighbour import link_local
from weave_http.net.nft_rules import ABOVE, BELOW, DIFFERENT, EQUAL, LINK, NETWORK, Rule, Test
from weave_http.records import dataclass

TABLE = "weave"
ENFORCE = "enforce"
"""The word on the bridge (`weave_http.net.bridge.mark`) by which executors know what the router was told."""

_IP, _ARP, _IPV6 = b"\x08\x00", b"\x08\x06", b"\x86\xdd"
_HOP_BY_HOP, _ROUTING, _DESTINATION, _ICMPV6 = 0, 43, 60, 58
_SOLICITATION, _ADVERTISEMENT, _ROUTER, _REDIRECT = 135, 136, 134, 137
_LISTENERS, _LISTENERS_2 = (130, 132), 143
"""Messages of IPv6's multicast routers and listeners."""
_SOURCE_MAC, _ARP_MAC, _ARP_SOURCE, _IP_SOURCE = 6, 8, 14, 12
_NEXT_HEADER, _IPV6_SOURCE, _PAYLOAD = 6, 8, 40
_TARGET, _EXTENDED_TYPE = _PAYLOAD + 8, _PAYLOAD + 8
_LINK_LOCAL = IPv6Network("fe80::/10")
_NOBODY_4, _NOBODY_6 = bytes(4), bytes(16)
_WORDS = 5
"""Addresses in one comment, so that it is not too long."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a container was given.

    Args:
        mac: of its end of the cable.
        addresses: all of them.
    """

    mac: str
    addresses: tuple[Cidr, ...]


def enforced(bridge: Link) -> bool:
    """Tell whether containers may use no other addresses than they were given."""
    return ENFORCE in bridge.alias.split()


def guard(bridge: Link, device: str, mac: str, addresses: Sequence[Cidr]) -> None:
    """Have the rules at the host's end of a cable; to be called by a thread that is in the host's namespace.

    Args:
        bridge: that the end is on; it is marked with whether a container may use no other addresses.
        device: name of the host's end.
        mac: of the container's end.
        addresses: all that the container was given.

    Raises:
        HostError: the kernel refused, or has no nf_tables for what a device receives; only where the addresses are
            enforced. What is not enforced is done as well as this kernel can.
    """
    enforce = enforced(bridge)
    rules = neighbour_rules(addresses)
    words = [mac, *map(str, dict.fromkeys(addresses))]
    comments = [" ".join(words[at : at + _WORDS]) for at in range(0, len(words), _WORDS)]
    with nullcontext() if enforce else suppress(HostError):
        nftables.put_chain(TABLE, device, [*rules, *enforcing_rules(mac, addresses)] if enforce else rules, comments)


def given(device: str) -> Given | None:
    """Return what the container behind a port was given, as `guard` was told; None if it was told nothing.

    Args:
        device: name of the host's end.

    Raises:
        HostError: the kernel refused.
    """
    words = " ".join(nftables.comments_of(TABLE, device)).split()
    return Given(words[0], tuple(map(parse_cidr, words[1:]))) if words else None


def neighbour_rules(addresses: Iterable[Cidr]) -> list[Rule]:
    """Return the rules that keep Router Advertisements in, and what is said about neighbours of other subnets.

    Extension headers would hide a message from them, and so have to go but for those that multicast needs. A fragment
    of such a message is believed by nobody (RFC 6980).
    """
    own: list[Network] = [_LINK_LOCAL, *(cidr.network for cidr in addresses if cidr.version == 6)]
    hops = [Test(None, 0, _IPV6), _next(_HOP_BY_HOP)]
    return [
        *([Test(None, 0, _IPV6), _next(_ICMPV6), _kind(kind)] for kind in (_ROUTER, _REDIRECT)),
        [
            Test(None, 0, _IPV6),
            _next(_ICMPV6),
            _kind(_SOLICITATION - 1, ABOVE),
            _kind(_ADVERTISEMENT + 1, BELOW),
            *(Test(NETWORK, _TARGET, net.network_address.packed, DIFFERENT, net.netmask.packed) for net in own),
        ],
        *([Test(None, 0, _IPV6), _next(header)] for header in (_ROUTING, _DESTINATION)),
        [*hops, Test(NETWORK, _PAYLOAD, bytes([_ICMPV6, 0]), DIFFERENT)],
        [*hops, _kind(_LISTENERS[0], BELOW, at=_EXTENDED_TYPE)],
        [*hops, _kind(_LISTENERS[1], ABOVE, at=_EXTENDED_TYPE), _kind(_LISTENERS_2, DIFFERENT, at=_EXTENDED_TYPE)],
    ]


def enforcing_rules(mac: str, addresses: Iterable[Cidr]) -> list[Rule]:
    """Return the rules by which a container sends from its MAC and its addresses only.

    Args:
        mac: of its interface.
        addresses: that it was given; the link-local one of its MAC is its own, too.
    """
    own: list[IP] = [cidr.ip for cidr in addresses]
    fours, sixes = [ip for ip in own if ip.version == 4], [link_local(mac), *(ip for ip in own if ip.version == 6)]
    hardware = bytes.fromhex(mac.replace(":", ""))
    return [
        [Test(LINK, _SOURCE_MAC, hardware, DIFFERENT)],
        [Test(None, 0, kind, DIFFERENT) for kind in (_IP, _ARP, _IPV6)],
        [Test(None, 0, _IP), *(Test(NETWORK, _IP_SOURCE, ip.packed, DIFFERENT) for ip in fours)],
        [Test(None, 0, _ARP), Test(NETWORK, _ARP_MAC, hardware, DIFFERENT)],
        [
            Test(None, 0, _ARP),
            *(Test(NETWORK, _ARP_SOURCE, source, DIFFERENT) for source in (_NOBODY_4, *(ip.packed for ip in fours))),
        ],
        [
            Test(None, 0, _IPV6),
            *(Test(NETWORK, _IPV6_SOURCE, source, DIFFERENT) for source in (_NOBODY_6, *(ip.packed for ip in sixes))),
        ],
        [
            Test(None, 0, _IPV6),
            _next(_ICMPV6),
            _kind(_ADVERTISEMENT),
            *(Test(NETWORK, _TARGET, ip.packed, DIFFERENT) for ip in sixes),
        ],
    ]


def check_enforceable() -> None:
    """Raise `HostError` if the kernel can't look at what a device receives."""
    try:
        nftables.put_chain(TABLE, constants.BRIDGE, ())
        nftables.delete_chain(TABLE, constants.BRIDGE)
    except HostError as error:
        raise HostError(f"can't enforce addresses: {error.message}", hint="launch without --enforce") from error


def forget(device: str) -> None:
    """Take the rules of a device away that is gone. Idempotent. Raises `HostError`."""
    nftables.delete_chain(TABLE, device)


def tidy(devices: Collection[str]) -> set[str]:
    """Take the rules of devices away that are gone: the kernel may keep them.

    Args:
        devices: of which it matters whether they have rules. They were listed before: rules come first.

    Returns:
        the ones of them without rules.

    Raises:
        HostError: the kernel refused.
    """
    found = nftables.chains(TABLE)
    for device in found:
        if links.index_of(device) is None:
            forget(device)
    return set(devices) - found


def remove() -> None:
    """Take all rules away. Idempotent. Raises `HostError`."""
    nftables.delete_table(TABLE)


def _next(header: int) -> Test:
    return Test(NETWORK, _NEXT_HEADER, bytes([header]))


def _kind(kind: int, comparison: int = EQUAL, *, at: int = _PAYLOAD) -> Test:
    return Test(NETWORK, at, bytes([kind]), comparison)
