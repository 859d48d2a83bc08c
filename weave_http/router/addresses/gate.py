"""The gate: with whom frames are exchanged, so that nobody meets two of one address. Pure.

A share that was taken from a silent peer may still be in use there. So a router exchanges frames only with those who
have a charter that is late enough: of a peer whose share expired, the one that says so; of everybody, the one by which
a share expired that was given back since. A router closes its own gate before it says that it has a charter; so of any
two with which somebody exchanges frames, neither uses what was taken from it.

A host that still uses such addresses stays *apart*: it exchanges frames with nobody until it has them again, or has let
go of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from weave_http.addresses import Network
from weave_http.records import dataclass, field
from weave_http.router.addresses.charter import Charter, continues
from weave_http.router.addresses.standing import Standing
from weave_http.router.mesh.identity import PeerName, is_peer_name

_NEVER = -1


@dataclass(frozen=True)
class Passed:
    """What is kept of a gate.

    Args:
        applied: the barrier (`Charter.barrier`) that the kernel followed for sure.
        agreed: of each peer, its life, and the greatest number asked of it that it came up to.
    """

    applied: int = 0
    agreed: Mapping[PeerName, tuple[int, int]] = field(default_factory=dict)


class Gate:
    """The gate of this host.

    Args:
        ranges: what all may be handed out of; peers with others, or none, are left alone.
        passed: what was kept; None if nothing was: this host is new, or lost its disk.

    Attributes:
        apart: whether this host uses addresses that were taken from it.
    """

    def __init__(self, ranges: Sequence[Network], passed: Passed | None) -> None:
        self._ranges = tuple(ranges)
        self.passed = passed or Passed()
        # Without a memory nobody knows what the router before this one knew of those to whom it left frames to go.
        self._found = passed.applied if passed is not None else _NEVER
        self.apart = False
        self._charter: Charter | None = None
        self._facts: Mapping[PeerName, Standing] = {}

    @property
    def barrier(self) -> int:
        """That of the charter that we have, 0 before there is one."""
        return self._charter.barrier if self._charter else 0

    def note(self, charter: Charter | None, facts: Mapping[PeerName, Standing], *, apart: bool) -> None:
        """Note what we have and what others say.

        Args:
            charter: that we have.
            facts: what others say, whether they are in reach or not.
            apart: whether this host uses addresses that were taken from it.
        """
        self._charter, self._facts, self.apart = charter, facts, apart
        agreed = dict(self.passed.agreed)
        for peer, fact in facts.items():
            needed = self._needed(peer)
            life, number = agreed.get(peer, (0, 0))
            if charter is None or fact.number < needed or (life == fact.life and number >= needed):
                continue
            if continues(fact.founding, charter.number, charter.founding) or continues(
                charter.founding, fact.number, fact.founding
            ):
                agreed[peer] = fact.life, needed
        if agreed != self.passed.agreed:
            self.passed = Passed(self.passed.applied, agreed)

    def applied(self) -> bool:
        """Note that the kernel follows; return whether that has to be kept."""
        if self.barrier == self.passed.applied:
            return False
        self.passed = Passed(self.barrier, self.passed.agreed)
        return True

    def admits(self, peer: str) -> bool:
        """Tell whether frames are exchanged with a peer.

        Args:
            peer: its name, or anything else for what an earlier router left, of which no name is known.
        """
        if self.apart:
            return False
        if not is_peer_name(peer):
            return self.barrier <= self._found
        name = PeerName(peer)
        needed, fact = self._needed(name), self._facts.get(name)
        if not needed or (fact is not None and fact.ranges != self._ranges):
            return True
        life, number = self.passed.agreed.get(name, (0, 0))
        return number >= needed and (fact is None or fact.life == life)

    @property
    def admitted(self) -> frozenset[PeerName]:
        """The peers that were heard of and are admitted; empty as long as everybody is."""
        return frozenset(filter(self.admits, self._facts)) if self.barrier else frozenset()

    def _needed(self, peer: PeerName) -> int:
        charter = self._charter
        return max(charter.floor, charter.expired.get(peer, 0)) if charter else 0
