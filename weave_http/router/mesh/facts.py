"""Facts, each owned by one peer and versioned by a stamp, and sets of facts that can be merged.

A set of facts is merged with another by one rule, *the later stamp wins*, so the order in which they arrive, and how
often, makes no difference. Only the owner writes its fact. An owner that restarts begins with a new `uid`, the later
one; should it nevertheless hear a fact of its own with a later stamp than it ever gave (its clock went back and its
state was lost), it stamps its present one later still.

A stamp far ahead of the clock would win for ever, and its owner could not supersede it. So nobody takes one, and an
owner supersedes only what stays well below that bound: it never reaches a stamp that others refuse.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from typing import Generic, NamedTuple, TypeVar

from weave_http.records import dataclass, replace
from weave_http.router.mesh.identity import PeerName

V = TypeVar("V")
_DAY = 24 * 60 * 60 * 1_000_000
GREATEST_VERSION = 2**40
"""Changes of one process: one every microsecond for twelve days."""


class Stamp(NamedTuple):
    """The version of a fact. A tuple, because stamps are compared more often than anything else.

    Attributes:
        uid: of the owner's process: when it started, in µs since 1970.
        version: counts the changes since then.
    """

    uid: int
    version: int

    def next(self) -> Stamp:
        """Return the stamp of the next change."""
        return Stamp(self.uid, self.version + 1)

    def superseded(self) -> Stamp:
        """Return the first stamp of a life after the one that gave this stamp."""
        return Stamp(self.uid + 1, 1)

    def may_be_superseded(self, now: float) -> bool:
        """Tell whether an owner goes beyond this stamp, at a time in seconds since 1970."""
        return self.uid <= now * 1e6 + _DAY


NOTHING = Stamp(0, 0)
"""What someone knows who knows nothing."""


def greatest_uid(now: float) -> int:
    """Return the greatest uid that is taken from others, at a time in seconds since 1970.

    Two days ahead: twice as far as an owner goes, so clocks of hosts may differ by a day.
    """
    return int(now * 1e6) + 2 * _DAY


def next_uid(now: float, before: int) -> int:
    """Return the uid of a new process.

    Args:
        now: the time, in seconds since 1970.
        before: the uid of the process before it, which is passed over when it is far ahead of the clock.
    """
    clock = int(now * 1e6)
    return max(clock, before + 1) if before <= clock + _DAY else clock


@dataclass(frozen=True, slots=True)
class Fact(Generic[V]):
    """What one peer says.

    Args:
        owner: name of the peer that says it.
        stamp: its version.
        value: what it says.
    """

    owner: PeerName
    stamp: Stamp
    value: V


class FactSet(Generic[V]):
    """All facts of one kind that a peer knows, its own one included.

    Args:
        owner: the name of this peer.
        uid: of this process.
        value: what this peer says at first.
    """

    def __init__(self, owner: PeerName, uid: int, value: V) -> None:
        self._own = owner
        self._facts: dict[PeerName, Fact[V]] = {owner: Fact(owner, Stamp(uid, 1), value)}

    def __iter__(self) -> Iterator[Fact[V]]:
        return iter(self._facts.values())

    def __contains__(self, owner: object) -> bool:
        return owner in self._facts

    def __len__(self) -> int:
        return len(self._facts)

    @property
    def owners(self) -> Set[PeerName]:
        """Names of the peers something is known of, this one included; changes with them."""
        return self._facts.keys()

    def get(self, owner: PeerName) -> Fact[V] | None:
        """Return what a peer says, None when nothing was heard of it."""
        return self._facts.get(owner)

    @property
    def own(self) -> Fact[V]:
        """What this peer says."""
        return self._facts[self._own]

    def say(self, value: V) -> bool:
        """Set what this peer says; return whether that is a change."""
        if self.own.value == value:
            return False
        self._facts[self._own] = Fact(self._own, self.own.stamp.next(), value)
        return True

    def merge(self, facts: Iterable[Fact[V]]) -> list[Fact[V]]:
        """Take in what was heard; return what is news (this peer's own fact, when it had to be stamped anew)."""
        news = []
        for fact in facts:
            known = self._facts.get(fact.owner)
            if known is not None and fact.stamp <= known.stamp:
                continue
            if fact.owner == self._own:
                fact = Fact(self._own, fact.stamp.superseded(), self.own.value)
            self._facts[fact.owner] = fact
            news.append(fact)
        return news

    def supersede(self, stamp: Stamp) -> bool:
        """Stamp what this peer says later than a stamp; return whether that was necessary."""
        return bool(self.merge([Fact(self._own, stamp, self.own.value)]))

    def withdraw(self, owner: PeerName) -> None:
        """Keep what a peer said, but take whatever is heard next in its place; what this one says stays."""
        fact = self._facts.get(owner)
        if fact is not None and owner != self._own:
            self._facts[owner] = replace(fact, stamp=NOTHING)

    def drop(self, owners: Iterable[PeerName]) -> None:
        """Forget what peers said; what this one says stays."""
        for owner in owners:
            if owner != self._own:
                self._facts.pop(owner, None)
