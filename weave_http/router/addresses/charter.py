"""The charter: who has a vote, and which peer may hand out which addresses. Pure.

There is one charter after another, each with the next number. What is in nobody's share is in the *pool*. A share is
its peer's alone: it hands addresses out of it without asking anybody, however the network is cut. So another charter
may give a peer more, but takes nothing away but what the peer itself offers, or what is left of one that people say is
gone for good.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from weave_http.addresses import Network
from weave_http.router.addresses import spans
from weave_http.router.mesh.identity import PeerName

PARTS = 16
"""A new block is at most such a part of what the pool has."""
MOST_VOTERS = 64
"""Peers with a vote. More of them make an agreement dearer, and not safer."""


@dataclass(frozen=True)
class Charter:
    """A charter.

    Args:
        number: 1 for the first one.
        founding: names the agreement that the first one came from, so that two networks can be told apart.
        voters: the life (`Standing.life`) of each peer that has a vote.
        shares: the blocks of each peer.
    """

    number: int
    founding: str
    voters: Mapping[PeerName, int] = field(default_factory=dict)
    shares: Mapping[PeerName, tuple[Network, ...]] = field(default_factory=dict)

    def share(self, peer: PeerName) -> tuple[Network, ...]:
        """Return the blocks of a peer."""
        return self.shares.get(peer, ())

    def owner(self, network: Network) -> PeerName | None:
        """Return whose share overlaps a network, None if it is all in the pool."""
        for peer, blocks in self.shares.items():
            if any(block.version == network.version and block.overlaps(network) for block in blocks):
                return peer
        return None

    def pool(self, within: Network) -> list[spans.Span]:
        """Return what of a network is in nobody's share."""
        return spans.gaps(within, [block for blocks in self.shares.values() for block in blocks])

    def is_sound(self, universe: Sequence[Network]) -> bool:
        """Tell whether its blocks are in the range, and do not overlap each other."""
        blocks = [block for each in self.shares.values() for block in each]
        within = all(spans.within(universe, block) for block in blocks)
        ends = sorted((block.version, *spans.span(block)) for block in blocks)
        apart = all(one[0] != two[0] or one[2] < two[1] for one, two in pairwise(ends))
        return within and apart


def needed(votes: int, lost: int) -> int:
    """Return how many votes decide.

    Args:
        votes: how many there are in all.
        lost: how many of these will never be given again. A decision of before may have been theirs for the most part,
            so more than half of the others may be needed to be sure to know of it.
    """
    quorum, left = votes // 2 + 1, votes - lost
    return left if lost >= quorum else max(left - (quorum - lost) + 1, left // 2 + 1)


def give(
    shares: dict[PeerName, tuple[Network, ...]], peer: PeerName, want: Network, taken: Iterable[Network] = ()
) -> bool:
    """Give a peer a block of the pool; return whether there was one.

    Args:
        shares: of all peers; changed.
        peer: who gets it.
        want: where it has to be.
        taken: blocks that are not to be given.
    """
    free = spans.gaps(want, [*(block for blocks in shares.values() for block in blocks), *taken])
    block = spans.cut(want, free, spans.power_of_two(spans.size(free) // PARTS))
    if block is None:
        return False
    shares[peer] = spans.joined((*shares.get(peer, ()), block))
    return True
