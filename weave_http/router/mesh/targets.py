"""Whom to dial, and when. Pure: the time is an argument, in seconds of any clock that only goes forward.

There are the targets a person gave, kept as spelt and dialled for ever, and the addresses learnt from other peers,
kept as long as those know them. A target is left alone while its peer is connected, whoever dialled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from random import random

from weave_http.router.mesh import backoff
from weave_http.router.mesh.topology import Address

MOST_DIALS = 16
"""Dials under way at once."""
MOST_LEARNT = 4096
"""Addresses learnt from peers that are kept: so many can be no more than a lie."""
YIELD = 0.5
"""Seconds for which the peer with the higher name lets the one with the lower name dial first."""


@dataclass(slots=True)
class Target:
    """One address to dial.

    Args:
        address: `HOST[:PORT]`, as given.
        given: by a person, rather than learnt.
        peer: name of the peer that answers there, or is said to; empty while unknown.
        next_at: when to dial; None for never again.
        attempts: failures in a row.
        error: the last failure, or empty.
        dialling: whether it is being dialled.
        resolved: where the last dial went.
    """

    address: str
    given: bool
    peer: str = ""
    next_at: float | None = 0.0
    attempts: int = 0
    error: str = ""
    dialling: bool = False
    resolved: Address | None = None


class Targets:
    """All addresses to dial.

    Args:
        name: of this peer.
        chance: returns a number in [0, 1).
    """

    def __init__(self, name: str, chance: Callable[[], float] = random) -> None:
        self._name = name
        self._chance = chance
        self._given: dict[str, Target] = {}
        self._learnt: dict[Address, Target] = {}

    @property
    def given(self) -> list[str]:
        """The targets that a person gave, in that order."""
        return list(self._given)

    def __iter__(self) -> Iterator[Target]:
        return iter([*self._given.values(), *self._learnt.values()])

    def add(self, addresses: Iterable[str], now: float) -> None:
        """Dial these too; one that is in back-off, or given up, is dialled at once."""
        for address in addresses:
            target = self._given.setdefault(address, Target(address, given=True))
            target.next_at, target.attempts = now, 0

    def forget(self, addresses: Iterable[str]) -> list[Target]:
        """Stop dialling these; return the ones that there were."""
        return [self._given.pop(address) for address in addresses if address in self._given]

    def learn(self, known: Mapping[str, Iterable[Address]], now: float) -> None:
        """Set what other peers know.

        Args:
            known: addresses by the name of the peer that is said to be there.
            now: the time.
        """
        taken = {target.resolved for target in self._given.values()}
        wanted = [(address, peer) for peer in sorted(known) for address in sorted(known[peer])]
        learnt: dict[Address, Target] = {}
        for address, peer in wanted[:MOST_LEARNT]:
            target = self._learnt.get(address)
            if target is None:
                if address in taken:
                    continue
                first = now if self._name < peer else now + YIELD * (1 + self._chance())
                target = Target(str(address), given=False, peer=peer, next_at=first, resolved=address)
            elif target.peer != peer and not target.dialling:
                target.peer = peer
            learnt[address] = target
        self._learnt = learnt

    def due(self, connected: Iterable[str], now: float) -> list[Target]:
        """Return the targets to dial now, marked as being dialled.

        Args:
            connected: names of the peers that there is a connection to.
            now: the time.
        """
        there = set(connected)
        room = MOST_DIALS - sum(target.dialling for target in self)
        due = [target for target in self._idle(there) if target.next_at is not None and target.next_at <= now]
        for target in due[:room]:
            target.dialling = True
        return due[:room]

    def next_at(self, connected: Iterable[str]) -> float | None:
        """Return when the next target falls due, None when none will by itself."""
        times = [target.next_at for target in self._idle(set(connected)) if target.next_at is not None]
        return min(times, default=None)

    def hurry(self, now: float) -> None:
        """Dial all at once that are in back-off: what made them fail may be over."""
        for target in self:
            if target.next_at is not None:
                target.next_at, target.attempts = now, 0

    def failed(self, target: Target, error: str, now: float, *, final: bool = False) -> None:
        """Note that a dial failed.

        Args:
            target: what was dialled.
            error: a sentence for people.
            now: the time.
            final: don't dial it again by itself.
        """
        target.dialling = False
        target.attempts += 1
        target.error = error
        target.next_at = None if final else now + backoff.delay(target.attempts, self._chance)

    def reached(self, target: Target, peer: str) -> None:
        """Note which peer is at a target, and that there is a connection to it."""
        target.dialling = False
        target.peer = peer

    def lost(self, peer: str, error: str, up_for: float, now: float) -> None:
        """Note that the connection to a peer broke.

        Args:
            peer: its name.
            error: why.
            up_for: seconds for which it had been established.
            now: the time.
        """
        for target in self:
            if target.peer == peer and not target.dialling:
                target.attempts = 0 if up_for > backoff.STEADY else target.attempts + 1
                target.error = error
                target.next_at = now + backoff.delay_after(up_for, target.attempts, self._chance)

    def _idle(self, connected: set[str]) -> Iterable[Target]:
        return (target for target in self if not target.dialling and target.peer not in connected)
