"""Which further networks there are on all hosts: a set that can be merged in any order, and what follows from it. Pure.

A network is made once, by one host, and is that one for ever: its identity is when and where it was made. What was
removed is remembered by its identity, so a host that was away does not bring it back, and one of the same name can be
made anew. Of networks of one name the first one counts, on all hosts; it is the same whoever looks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from hashlib import blake2b
from typing import NamedTuple

from weave_http import constants
from weave_http.addresses import IP, Network
from weave_http.records import dataclass, field
from weave_http.router.addresses import spans

MOST_RECORDS, MOST_REMOVED = 256, 1024
VNIS = 1 << 24


class Identity(NamedTuple):
    """Which network.

    Attributes:
        born: when it was made, in µs since 1970.
        creator: name of the peer where.
    """

    born: int
    creator: str

    def __str__(self) -> str:
        return f"{self.born}/{self.creator}"


class Pool(NamedTuple):
    """The addresses of a network, of one version of IP.

    Attributes:
        subnet: of its containers.
        part: of the subnet, out of which addresses are handed out; None for all of it.
        gateway: where its containers' default route leads; None for the engine's own way out.
    """

    subnet: Network
    part: Network | None = None
    gateway: IP | None = None

    def __str__(self) -> str:
        words = [
            str(self.subnet),
            *([f"ip-range {self.part}"] if self.part else []),
            *([f"gateway {self.gateway}"] if self.gateway else []),
        ]
        return ", ".join(words)


class Design(NamedTuple):
    """How a network was asked for; hosts on which that differs don't have the same network.

    Attributes:
        ipv4: its addresses.
        ipv6: its addresses of IPv6; None if it has none.
        internal: whether its containers have no way out at all.
        multicast: whether they route multicast there.
    """

    ipv4: Pool
    ipv6: Pool | None = None
    internal: bool = False
    multicast: bool = False

    @property
    def pools(self) -> list[Pool]:
        """Its addresses, by version of IP."""
        return [self.ipv4, self.ipv6] if self.ipv6 else [self.ipv4]

    def __str__(self) -> str:
        words = [
            *map(str, self.pools),
            *(["internal"] if self.internal else []),
            *(["multicast"] if self.multicast else []),
        ]
        return ", ".join(words)


class Record(NamedTuple):
    """A network.

    Attributes:
        identity: which one.
        name: what it is called on all hosts.
        design: how it was asked for.
    """

    identity: Identity
    name: str
    design: Design


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of networks.

    Args:
        records: those that there are, by identity.
        removed: those that there are no more.
    """

    records: Mapping[Identity, Record] = field(default_factory=dict)
    removed: frozenset[Identity] = frozenset()

    @property
    def winners(self) -> dict[str, Record]:
        """The networks that count, by name: of several of one name the first."""
        return {record.name: record for _, record in sorted(self.records.items(), reverse=True)}

    def having(self, record: Record) -> Known:
        """Return this with one more network."""
        return merged([self, Known({record.identity: record})])

    def without(self, identities: Iterable[Identity]) -> Known:
        """Return this with some networks removed."""
        return merged([self, Known(removed=frozenset(identities))])

    @property
    def twins(self) -> set[Identity]:
        """Networks that were made on several hosts at the same time as the same one: all of each but the first."""
        winners = self.winners
        return {
            record.identity
            for record in self.records.values()
            if record.identity != winners[record.name].identity and record.design == winners[record.name].design
        }


def merged(several: Iterable[Known]) -> Known:
    """Return what is known together. What was removed stays so; there are limits to both."""
    several = list(several)
    removed = frozenset().union(*(each.removed for each in several))
    records: dict[Identity, Record] = {}
    for each in several:
        for identity, record in each.records.items():
            if identity not in removed:
                # Nobody makes two of one identity; of those whom somebody forges, all take the same one.
                records[identity] = min(records.get(identity, record), record, key=str)
    if len(removed) > MOST_REMOVED:
        removed = frozenset(sorted(removed)[-MOST_REMOVED:])
    return Known(dict(sorted(records.items())[:MOST_RECORDS]), removed)


def vni(identity: Identity, attempt: int = 0, space: int = VNIS) -> int:
    """Return the number that a network may have: the same one on all hosts, whoever computes it.

    Args:
        identity: of the network.
        attempt: how many numbers of its are another network's.
        space: of how many numbers.
    """
    digest = blake2b(f"{identity} {attempt}".encode(), digest_size=8).digest()
    return 1 + int.from_bytes(digest) % (space - 1)


def vnis(known: Known, space: int = VNIS) -> dict[Identity, int]:
    """Return the number of each network: no two have the same one, and of two that would, the first one keeps it."""
    taken = {constants.VNI}
    found = {}
    for identity in sorted(known.records):
        attempt = 0
        while (number := vni(identity, attempt, space)) in taken:
            attempt += 1
        taken.add(number)
        found[identity] = number
    return found


def made(known: Known, name: str, design: Design, creator: str, now: int) -> Record:
    """Return a network that is new; what is known already keeps its numbers.

    Args:
        known: what there is.
        name: of the network.
        design: how it was asked for.
        creator: name of this peer.
        now: the time, in µs since 1970.
    """
    identity = Identity(now, creator)
    taken = {constants.VNI, *vnis(known).values()}
    while vni(identity) in taken or identity in known.removed or identity in known.records:
        identity = Identity(identity.born + 1, creator)
    return Record(identity, name, design)


def free_subnet(ranges: Iterable[Network], defaults: Collection[Network], taken: Collection[Network]) -> Network | None:
    """Return a subnet for a network that was asked for without one: the last that no other one has; None if none is.

    Args:
        ranges: out of which addresses are handed out, of one version of IP.
        defaults: subnets for those who name none; one that is a whole range has the others within it.
        taken: subnets of the other networks.
    """
    for within in ranges:
        longest = within.max_prefixlen - _HOST_BITS
        if within.prefixlen > longest:
            continue
        length = min(longest, max(_SHORTEST[within.version], within.prefixlen + _BITS))
        size = 1 << (within.max_prefixlen - length)
        inner = [each for each in defaults if each != within]
        for low, high in reversed(spans.gaps(within, [*taken, *inner])):
            first = (high + 1) // size * size - size
            if first >= low:
                return spans.block(within, first, size)
    return None


_SHORTEST, _BITS, _HOST_BITS = {4: 16, 6: 64}, 8, 4
"""Such subnets' shortest prefixes by version of IP, how much longer they are than the range's, and what they leave."""
