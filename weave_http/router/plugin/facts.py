"""What each peer says of further networks, and how that is packed into messages and into a file. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from typing import Any

from weave_http.addresses import Network
from weave_http.records import dataclass, field
from weave_http.router.addresses import spans
from weave_http.router.mesh import claims
from weave_http.router.mesh.facts import Fact
from weave_http.router.mesh.fields import Malformed, a_flag, a_list, a_number, a_peer, an_address, matching
from weave_http.router.mesh.messages import Message
from weave_http.router.plugin.registry import MOST_RECORDS, MOST_REMOVED, VNIS, Design, Identity, Known, Pool, Record

CLAIMS_PER_MESSAGE = 64
NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}")
"""What the engine lets networks be called."""
_MOST_CARRIED = 2 * MOST_RECORDS


@dataclass(frozen=True, slots=True)
class Says:
    """What a peer says.

    Args:
        known: the networks that it knows of, whoever made them.
        carried: those that its kernel has, with their numbers.
    """

    known: Known = field(default_factory=Known)
    carried: Mapping[Identity, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Claim(claims.Claim[Says]):
    """What somebody is said to say, as it came."""

    def value(self, before: Says | None) -> Says:
        """Return what the fields say, which is always all. Raises `Malformed` or `KeyError`."""
        carried = (a_list(each, 3, 3) for each in a_list(self.fields["carried"], _MOST_CARRIED))
        return Says(
            read_known(self.fields["networks"], self.fields["removed"]),
            {_identity(born, creator): a_number(vni, 1, VNIS - 1) for born, creator, vni in carried},
        )


@dataclass(frozen=True, slots=True)
class Networks(Message):
    """What I know of what peers say of networks."""

    claims: tuple[Claim, ...]


def claim(fact: Fact[Says]) -> Claim:
    """Return what a peer says as it is sent."""
    networks, removed = pack_known(fact.value.known)
    carried = [[*identity, vni] for identity, vni in fact.value.carried.items()]
    return Claim(fact.owner, fact.stamp, {"networks": networks, "removed": removed, "carried": carried})


KIND = claims.kind_of("networks", Networks, Claim, CLAIMS_PER_MESSAGE)
"""The message in which that is sent."""


def pack_known(known: Known) -> tuple[list[list[Any]], list[list[Any]]]:
    """Return the networks that there are, and those that were removed, as lists."""
    records = [[*record.identity, record.name, *pack_design(record.design)] for record in known.records.values()]
    return records, [list(identity) for identity in sorted(known.removed)]


def read_known(networks: Any, removed: Any) -> Known:
    """Return what such lists say. Raises `Malformed`."""
    records: Iterable[list[Any]] = (a_list(each, 7, 7) for each in a_list(networks, MOST_RECORDS))
    gone = (a_list(each, 2, 2) for each in a_list(removed, MOST_REMOVED))
    read = [Record(_identity(*each[:2]), matching(NAME, each[2]), read_design(each[3:])) for each in records]
    return Known({record.identity: record for record in read}, frozenset(_identity(*each) for each in gone))


def pack_design(design: Design) -> list[Any]:
    """Return a design as a list."""
    return [
        _pack_pool(design.ipv4),
        _pack_pool(design.ipv6) if design.ipv6 else [],
        design.internal,
        design.multicast,
    ]


def read_design(values: Any) -> Design:
    """Return what such a list says. Raises `Malformed`."""
    ipv4, ipv6, internal, multicast = a_list(values, 4, 4)
    return Design(_read_pool(ipv4, 4), _read_pool(ipv6, 6) if ipv6 else None, a_flag(internal), a_flag(multicast))


def _pack_pool(pool: Pool) -> list[str]:
    return [str(pool.subnet), str(pool.part or ""), str(pool.gateway or "")]


def _read_pool(values: Any, version: int) -> Pool:
    subnet, part, gateway = a_list(values, 3, 3)
    whole, inner = _network(subnet, version), _network(part, version) if part else None
    way_out = an_address(gateway) if gateway else None
    if (inner and not spans.within([whole], inner)) or (way_out and way_out not in whole):
        raise Malformed("a network whose parts are not within its subnet")
    return Pool(whole, inner, way_out)


def _identity(born: Any, creator: Any) -> Identity:
    return Identity(a_number(born), a_peer(creator))


def _network(value: Any, version: int) -> Network:
    try:
        found = ip_network(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or found.version != version:
        raise Malformed("something else where a subnet belongs")
    return found
