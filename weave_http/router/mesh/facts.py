"""What peers share: facts, each owned by one peer and versioned.

A set of facts is merged with another by one rule, *the later stamp wins*, so the order in which they arrive, and how
often, makes no difference. Only the owner writes its fact. An owner that restarts begins with a new `uid`, the later
one; should it nevertheless hear a fact of its own with a later stamp than it ever gave (its clock went back and its
state was lost), it stamps its present one later still.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

V = TypeVar("V")


@dataclass(frozen=True, slots=True, order=True)
class Stamp:
    """The version of a fact.

    Args:
        uid: of the owner's process: when it started, in µs since 1970.
        version: counts the changes since then.
    """

    uid: int
    version: int

    def next(self) -> Stamp:
        """Return the stamp of the next change."""
        return Stamp(self.uid, self.version + 1)


@dataclass(frozen=True, slots=True)
class Fact(Generic[V]):
    """What one peer says.

    Args:
        owner: name of the peer that says it.
        stamp: its version.
        value: what it says.
    """

    owner: str
    stamp: Stamp
    value: V


class FactSet(Generic[V]):
    """All facts of one kind that a peer knows, its own one included.

    Args:
        owner: the name of this peer.
        uid: of this process.
        value: what this peer says at first.
    """

    def __init__(self, owner: str, uid: int, value: V) -> None:
        self._own = owner
        self._facts: dict[str, Fact[V]] = {owner: Fact(owner, Stamp(uid, 1), value)}

    def __iter__(self) -> Iterator[Fact[V]]:
        return iter(self._facts.values())

    def __contains__(self, owner: object) -> bool:
        return owner in self._facts

    def __len__(self) -> int:
        return len(self._facts)

    def get(self, owner: str) -> Fact[V] | None:
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
                fact = Fact(self._own, fact.stamp.next(), self.own.value)
            self._facts[fact.owner] = fact
            news.append(fact)
        return news

    def drop(self, owners: Iterable[str]) -> None:
        """Forget what peers said; what this one says stays."""
        for owner in owners:
            if owner != self._own:
                self._facts.pop(owner, None)
