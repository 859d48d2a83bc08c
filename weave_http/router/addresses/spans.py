"""Sets of addresses as blocks (`ipaddress` networks) and as spans of numbers. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, collapse_addresses

from weave_http.addresses import IP, Network

Span = tuple[int, int]
"""First and last address, as numbers."""


def span(block: Network) -> Span:
    """Return a block as a span."""
    return int(block.network_address), int(block.broadcast_address)


def inside(within: Network, blocks: Iterable[Network]) -> list[Span]:
    """Return, sorted, which spans of a network blocks cover that do not overlap each other."""
    first, last = span(within)
    pairs = (span(block) for block in blocks if block.version == within.version)
    return sorted((max(first, low), min(last, high)) for low, high in pairs if low <= last and high >= first)


def gaps(within: Network, taken: Iterable[Network]) -> list[Span]:
    """Return, sorted, which spans of a network no block covers; the blocks may overlap each other."""
    at, last = span(within)
    free: list[Span] = []
    for low, high in inside(within, taken):
        if low > at:
            free.append((at, low - 1))
        at = max(at, high + 1)
    return [*free, (at, last)] if at <= last else free


def size(spans: Iterable[Span]) -> int:
    """Return how many addresses spans have that do not overlap each other."""
    return sum(last - first + 1 for first, last in spans)


def block(like: Network, first: int, count: int) -> Network:
    """Return the block that begins at a number; `count` is a power of two that divides it."""
    if like.version == 4:
        return IPv4Network((IPv4Address(first), 33 - count.bit_length()))
    return IPv6Network((IPv6Address(first), 129 - count.bit_length()))


def cut(like: Network, spans: Iterable[Span], count: int) -> Network | None:
    """Return the first block of at most `count` addresses, a power of two, that lies within one of the spans."""
    spans = list(spans)
    while count:
        for first, last in spans:
            start = -(-first // count) * count
            if start + count - 1 <= last:
                return block(like, start, count)
        count //= 2
    return None


def power_of_two(number: int) -> int:
    """Return the greatest power of two that is no greater; at least 1."""
    return 1 << (max(1, number).bit_length() - 1)


def without(blocks: Iterable[Network], taken: Iterable[Network]) -> tuple[Network, ...]:
    """Return blocks without what others cover, joined where they can be, and sorted."""
    left = list(blocks)
    for other in taken:
        left = [part for each in left for part in _subtract(each, other)]
    return joined(left)


def joined(blocks: Iterable[Network]) -> tuple[Network, ...]:
    """Return blocks joined where they can be, and sorted."""
    blocks = list(blocks)
    fours = collapse_addresses(each for each in blocks if isinstance(each, IPv4Network))
    sixes = collapse_addresses(each for each in blocks if isinstance(each, IPv6Network))
    return (*fours, *sixes)


def covers(blocks: Iterable[Network], address: IP) -> bool:
    """Tell whether an address is in one of the blocks."""
    return any(address in each for each in blocks)


class Cover:
    """Blocks that don't overlap each other, made for asking of many addresses whether one of them has it.

    Args:
        blocks: of either family.
    """

    def __init__(self, blocks: Iterable[Network]) -> None:
        found = sorted((block.version, *span(block)) for block in blocks)
        self._ends = [(version, last) for version, _, last in found]
        self._begins = [(version, first) for version, first, _ in found]

    def __contains__(self, address: IP) -> bool:
        at = bisect_left(self._ends, (address.version, int(address)))
        return at < len(self._begins) and self._begins[at] <= (address.version, int(address))


def within(ranges: Iterable[Network], block: Network) -> bool:
    """Tell whether a block is a part of one of the ranges."""
    return any(
        (isinstance(block, IPv4Network) and isinstance(each, IPv4Network) and block.subnet_of(each))
        or (isinstance(block, IPv6Network) and isinstance(each, IPv6Network) and block.subnet_of(each))
        for each in ranges
    )


def _subtract(each: Network, other: Network) -> list[Network]:
    if each.version != other.version or not each.overlaps(other):
        return [each]
    if other.supernet_of(each):  # type: ignore[arg-type]
        return []
    return list(each.address_exclude(other))  # type: ignore[arg-type]
