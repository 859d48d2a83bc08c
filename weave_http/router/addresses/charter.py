"""The charter: who has a vote, and which peer may hand out which addresses. Pure.

There is one charter after another, each with the next number. What is in nobody's share is in the *pool*. A share is
its peer's alone: it hands addresses out of it without asking anybody, however the network is cut. So another charter
may give a peer more, but takes nothing away but what the peer itself offers, or what is left of one that is gone for
good, as people say, or as is concluded from a long silence. Such a share goes in two steps, because its peer may only
have slept: one charter says that it is *expired*, and no frames are exchanged with that peer before it knows so; a
later one puts it into the pool, and then none are exchanged with anybody who does not (`gate`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from itertools import pairwise

from weave_http.addresses import Network
from weave_http.records import dataclass, field
from weave_http.router.addresses import spans
from weave_http.router.mesh.identity import PeerName

ANY_LIFE = 0
"""In a seeded charter: there was no life to know of."""
PARTS = 16
"""A new block is at most such a part of what the pool has."""
BLOCK = 256
"""Addresses of a first block. Later ones are at most as large as what the peer has already: so a peer that is lost for
good, and with it its share, costs little more than what it had in use."""
MOST_WORDS = 8
"""Words after the first of a founding: older ones are dropped, as its length has a limit."""
MOST_VOTERS = 64
"""Peers with a vote. More of them make an agreement dearer, and not safer."""


@dataclass(frozen=True)
class Charter:
    """A charter.

    Args:
        number: 1 for the first one.
        founding: names the agreement that the first one came from, so that two networks can be told apart; followed by
            a word `NUMBER:LIFE` for each charter that fewer than half agreed on, because people said that the others
            are gone for good.
        voters: the life (`Standing.life`) of each peer that has a vote.
        shares: the blocks of each peer.
        lives: of each peer with a share. One that lost its memory may be told of a charter of long ago, so it hands out
            nothing before there is one that knows its new life.
        expired: peers that hand out nothing of their share any more, and by the charter of which number that was said.
        floor: the number that such a charter had, when what had expired by it was given back: who has none as late
            may not know that.
    """

    number: int
    founding: str
    voters: Mapping[PeerName, int] = field(default_factory=dict)
    shares: Mapping[PeerName, tuple[Network, ...]] = field(default_factory=dict)
    lives: Mapping[PeerName, int] = field(default_factory=dict)
    expired: Mapping[PeerName, int] = field(default_factory=dict)
    floor: int = 0

    @property
    def barrier(self) -> int:
        """The latest charter that somebody has to know before frames are exchanged with them; 0 for none."""
        return max((self.floor, *self.expired.values()))

    def share(self, peer: PeerName) -> tuple[Network, ...]:
        """Return the blocks of a peer."""
        return self.shares.get(peer, ())

    def owner(self, network: Network) -> PeerName | None:
        """Return whose share overlaps a network, None if it is all in the pool."""
        for peer, blocks in self.shares.items():
            if any(block.version == network.version and block.overlaps(network) for block in blocks):
                return peer
        return None

    def follows(self, number: int, founding: str) -> bool:
        """Tell whether this is a later charter of the network in which a peer has the one of that number.

        It is not if people said that more than half were gone, and these went on all the same: who has a charter of
        theirs, of a number that was agreed on anew, is of another network now.
        """
        return self.number > number and continues(self.founding, number, founding)

    def pool(self, within: Network) -> list[spans.Span]:
        """Return what of a network is in nobody's share."""
        return spans.gaps(within, [block for blocks in self.shares.values() for block in blocks])

    def is_sound(self, universe: Sequence[Network]) -> bool:
        """Tell whether its blocks are in the range, apart from each other, and each owner has a life."""
        blocks = [block for each in self.shares.values() for block in each]
        within = all(spans.within(universe, block) for block in blocks)
        ends = sorted((block.version, *spans.span(block)) for block in blocks)
        apart = all(one[0] != two[0] or one[2] < two[1] for one, two in pairwise(ends))
        told = self.floor < self.number and all(0 < number <= self.number for number in self.expired.values())
        return within and apart and told and {*self.lives} == {*self.shares} and {*self.expired} <= {*self.shares}


def continues(later: str, number: int, founding: str) -> bool:
    """Tell whether a founding is, or goes on from, that of a charter of some number."""
    (root, *words), (own_root, *own) = later.split(" "), founding.split(" ")
    oldest = _number(words[0]) if len(words) == MOST_WORDS else 0  # there may have been others before
    return (
        root == own_root
        and all(word in own or _number(word) > number for word in words)
        and all(word in words or _number(word) < oldest for word in own)
    )


def with_word(founding: str, word: str) -> str:
    """Return a founding with one word more, and not too many."""
    root, *words = founding.split(" ")
    return " ".join([root, *[*words, word][-MOST_WORDS:]])


def _number(word: str) -> int:
    number = word.partition(":")[0]
    return int(number) if number.isdecimal() else 0


def needed(votes: int, lost: int) -> int:
    """Return how many votes decide: more than half of all, or all that are left if these are fewer.

    Args:
        votes: how many there are in all.
        lost: how many of these will never be given again.
    """
    return min(votes - lost, votes // 2 + 1)


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
    most = max(BLOCK, spans.size(spans.inside(want, shares.get(peer, ()))))
    block = spans.cut(want, free, spans.power_of_two(min(most, spans.size(free) // PARTS)))
    if block is None:
        return False
    shares[peer] = spans.joined((*shares.get(peer, ()), block))
    return True


def seeded(ranges: Sequence[Network], defaults: Sequence[Network], seed: Sequence[PeerName]) -> Charter:
    """Return the charter that peers begin with who were told the same seed."""
    shares: dict[PeerName, tuple[Network, ...]] = {}
    for peer in sorted(set(seed)):
        for default in defaults:
            give(shares, peer, default)
    names = blake2b(" ".join(sorted(set(seed))).encode(), digest_size=8).hexdigest()
    lives = dict.fromkeys(sorted(shares), ANY_LIFE)
    return Charter(1, f"seed-{names}", lives, shares, lives)
