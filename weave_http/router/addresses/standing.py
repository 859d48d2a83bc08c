"""What a peer says about addresses, and what it remembers of that: the values that the agreement is made of. Pure."""

from __future__ import annotations

from typing import NamedTuple

from weave_http.addresses import Network
from weave_http.records import dataclass
from weave_http.router.addresses.charter import Charter
from weave_http.router.mesh.identity import PeerName


class Ballot(NamedTuple):
    """A ballot: later ones win.

    Attributes:
        round: counts.
        peer: whose it is.
    """

    round: int
    peer: str


NO_BALLOT = Ballot(0, "")


@dataclass(frozen=True)
class Standing:
    """What one peer says about addresses.

    Args:
        life: random number that it got together with its memory.
        ranges: what all may be handed out of; peers with others are left alone. Empty where none are handed out.
        number: of its charter, 0 before there is one.
        founding: of its charter.
        observer: it has no vote, and wants none.
        promised: the greatest ballot for the next charter that it follows.
        accepted: what it accepted last, and under which ballot.
        proposal: what it proposes under its ballot; None while it asks for promises.
        wants: where it needs more addresses, or which ones.
        offers: blocks of its share that it hands out nothing of any more.
        gone: peers of which people said there that they are gone for good.
        used: how many addresses it handed out.
        alone: nobody else has part in its charter, and it has handed out nothing.
    """

    life: int
    ranges: tuple[Network, ...]
    number: int = 0
    founding: str = ""
    observer: bool = False
    promised: Ballot = NO_BALLOT
    accepted: tuple[Ballot, Charter] | None = None
    proposal: tuple[Ballot, Charter | None] | None = None
    wants: tuple[Network, ...] = ()
    offers: tuple[Network, ...] = ()
    gone: tuple[PeerName, ...] = ()
    used: int = 0
    alone: bool = False


NO_PART = Standing(1, (), observer=True)
"""What a peer says that hands out nothing."""


@dataclass(frozen=True)
class Memory:
    """What must be on the disk before it is said.

    Args:
        life: random number that was drawn when there was no memory.
        charter: the latest one.
        promised: as in `Standing`.
        accepted: as in `Standing`.
        offers: as in `Standing`: others may have decided on them, and we don't know yet.
    """

    life: int
    charter: Charter | None = None
    promised: Ballot = NO_BALLOT
    accepted: tuple[Ballot, Charter] | None = None
    offers: tuple[Network, ...] = ()
