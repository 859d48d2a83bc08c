"""Whom to dial, and when. Pure: the time is an argument, in seconds of any clock that only goes forward.

There are the targets a person gave, kept as spelt and dialled for ever, and the addresses learnt from other peers,
kept as long as those know them. A target is left alone while its peer is connected, whoever dialled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from math import inf
from random import random

from weave_http.addresses import PeerAddress, is_ip, parse_peer_address
from weave_http.errors import UsageError
from weave_http.records import dataclass
from weave_http.router.mesh import backoff
from weave_http.router.mesh.bucket import TokenBucket
from weave_http.router.mesh.identity import PeerName, goes_first
from weave_http.router.mesh.topology import Address, Lead

MOST_DIALS = 16
"""Dials under way at once."""
MOST_LEARNT_DIALS = 8
"""Dials under way at once to addresses learnt from peers."""
MOST_LEARNT = 1024
"""Addresses learnt from peers, beside those of connected ones, that are kept: so many can be no more than a lie."""
LEARNT_BURST, LEARNT_INTERVAL = 32, 1.0
"""Dials in vain to which the word of one neighbour may lead at once, and the seconds after which there may be one more.
Where a peer answers the dial doesn't count: so the truth costs nothing, and a liar makes us knock at few doors."""
YIELD, YIELD_PER_PEER = 2.0, 0.05
"""Seconds, and more for each other peer, for which one of two peers lets the other one dial first: two that dial each
other at once do everything twice. They count from the last connection that was made: where many routers start at once,
each has many to dial, and a dial takes long."""
MOST_YIELD_PER_PEER = 0.6
"""Seconds, for each other peer, after which it lets it no longer, though connections are made all the time."""
MOST_COUNTED = 100
"""More peers than these make it wait no longer: somebody may speak of many that are not there."""


def yield_for(others: int, per_peer: float = YIELD_PER_PEER) -> float:
    """Return the seconds for which the peer whose turn it is may dial first.

    Args:
        others: how many other peers there are.
        per_peer: seconds for each of them.
    """
    return YIELD + per_peer * min(others, MOST_COUNTED)


@dataclass(slots=True)
class Target:
    """One address to dial.

    Args:
        address: `HOST[:PORT]`, as given.
        where: the same, with the port that is meant when none was given.
        given: by a person, rather than learnt.
        peer: name of the peer that answers there, or is said to; None while unknown.
        next_at: when to dial.
        attempts: failures in a row.
        error: the last failure, or empty.
        dialling: whether it is being dialled.
        resolved: where the last dial went.
        by: name of the neighbour from which it was learnt.
        yields: seconds for which the peer may dial us first, from each new connection on; 0 when it may not.
        yields_until: when it may no longer.
    """

    address: str
    where: PeerAddress
    given: bool
    peer: PeerName | None = None
    next_at: float = 0.0
    attempts: int = 0
    error: str = ""
    dialling: bool = False
    resolved: Address | None = None
    by: PeerName | None = None
    yields: float = 0.0
    yields_until: float = 0.0

    @property
    def place(self) -> str:
        """Where it is, for people: the same before and after there is a connection."""
        return str(self.resolved or self.where)


class Targets:
    """All addresses to dial.

    Args:
        name: of this peer.
        port: TCP port that is meant when none is given.
        chance: returns a number in [0, 1).
    """

    def __init__(self, name: PeerName, port: int, chance: Callable[[], float] = random) -> None:
        self._name = name
        self._port = port
        self._credit: dict[PeerName | None, TokenBucket] = {}
        """How many dials in vain the word of each neighbour may still lead to."""
        self._chance = chance
        self._met_at = -inf
        self._given: dict[str, Target] = {}
        self._learnt: dict[Address, Target] = {}

    @property
    def given(self) -> list[str]:
        """The targets that a person gave, in that order."""
        return list(self._given)

    def __iter__(self) -> Iterator[Target]:
        return iter([*self._given.values(), *self._learnt.values()])

    def add(self, addresses: Iterable[str], now: float) -> None:
        """Dial these too; one that is in back-off is dialled at once."""
        for address in addresses:
            target = self._given.setdefault(address, Target(address, self._where(address), given=True))
            target.next_at, target.attempts = now, 0

    def forget(self, addresses: Iterable[str]) -> list[Target]:
        """Stop dialling these; return the ones that there were."""
        return [self._given.pop(address) for address in addresses if address in self._given]

    def learn(self, known: Mapping[PeerName, Iterable[Lead]], connected: Set[PeerName], now: float) -> None:
        """Set what other peers know.

        Args:
            known: by the name of the peer that is said to be there, the most credible first.
            connected: names of the peers that there is a connection to: where they are stays known.
            now: the time.
        """
        given = {target.resolved for target in self._given.values()}
        wanted = [(*lead, peer) for peer, found in known.items() for lead in found]
        learnt = {address: target for address, target in self._learnt.items() if target.peer in connected}
        for address, by, peer in wanted[:MOST_LEARNT]:
            if address in learnt:
                continue
            target = self._learnt.get(address)
            if target is None:
                if address in given:
                    continue
                where = PeerAddress(str(address.ip), address.port)
                target = Target(str(address), where, given=False, peer=peer, next_at=now, resolved=address, by=by)
                if not goes_first(self._name, peer):
                    others, chance = len(known) + len(connected), 1 + self._chance()
                    target.yields = yield_for(others) * chance
                    target.yields_until = now + yield_for(others, MOST_YIELD_PER_PEER) * chance
                    target.next_at = now + target.yields
            elif target.peer != peer and not target.dialling:
                target.peer = peer
            if not target.dialling:
                target.by = by
            learnt[address] = target
        self._learnt = learnt
        self._credit = {by: bucket for by, bucket in self._credit.items() if by in connected or not bucket.is_full(now)}

    def due(self, connected: Iterable[PeerName], now: float) -> list[Target]:
        """Return the targets to dial now, marked as being dialled.

        Args:
            connected: names of the peers that there is a connection to.
            now: the time.
        """
        due: list[Target] = []
        for target in self._idle(set(connected)):
            if self._ready_at(target) > now or not self._rooms()[0 if target.given else 1]:
                continue
            if not target.given:
                credit = self._credit_of(target)
                if credit.wait(now) > 0:
                    continue
                credit.take(now)
            target.dialling, target.yields = True, 0.0
            due.append(target)
        return due

    def next_at(self, connected: Iterable[PeerName], now: float) -> float | None:
        """Return when the next target falls due; None when none will before something else happens."""
        given, learnt = self._rooms()
        idle = (target for target in self._idle(set(connected)) if (given if target.given else learnt))
        waits = {by: now + bucket.wait(now) for by, bucket in self._credit.items()}
        times = (max(self._ready_at(each), now if each.given else waits.get(each.by, now)) for each in idle)
        return min(times, default=None)

    def met(self, now: float) -> None:
        """Note that there is a new connection."""
        self._met_at = now

    def _ready_at(self, target: Target) -> float:
        if not target.yields:
            return target.next_at
        return max(target.next_at, min(target.yields_until, self._met_at + target.yields))

    def _credit_of(self, target: Target) -> TokenBucket:
        return self._credit.setdefault(target.by, TokenBucket(LEARNT_BURST, LEARNT_INTERVAL))

    def _rooms(self) -> tuple[bool, bool]:
        """Tell whether one more target that was given may be dialled, and one more that was learnt."""
        given = sum(other.dialling for other in self._given.values())
        learnt = sum(other.dialling for other in self._learnt.values())
        room = given + learnt < MOST_DIALS
        return room, room and learnt < MOST_LEARNT_DIALS

    def hurry(self, now: float) -> None:
        """Dial all at once that are in back-off: what made them fail may be over."""
        for target in self:
            target.next_at, target.attempts, target.yields = now, 0, 0.0

    def failed(self, target: Target, error: str, now: float, *, lasting: bool = False, answered: bool = False) -> None:
        """Note that a dial failed.

        Args:
            target: what was dialled.
            error: a sentence for people.
            now: the time.
            lasting: it will hardly change by itself, so don't dial it again soon.
            answered: a router is there, though it refused.
        """
        if answered and target.dialling and not target.given:
            self._credit_of(target).give_back()
        target.dialling = False
        target.attempts += 1
        target.error = error
        wait = backoff.lasting_delay(self._chance) if lasting else backoff.delay(target.attempts, self._chance)
        target.next_at = now + wait

    def reached(self, target: Target, peer: PeerName) -> None:
        """Note which peer is at a target, and that there is a connection to it: what failed before doesn't count."""
        if target.dialling and not target.given:
            self._credit_of(target).give_back()
        target.dialling = False
        target.peer = peer
        target.attempts, target.error = 0, ""

    def named(self, connected: Iterable[PeerName]) -> list[Target]:
        """Return the targets given by a name whose peers are connected.

        Args:
            connected: names of the peers that there is a connection to.
        """
        there = set(connected)
        return [each for each in self._given.values() if each.peer in there and not is_ip(each.where.host)]

    def moved(self, target: Target, now: float) -> None:
        """Note that a target's name leads elsewhere: who is there is not known, and it is dialled at once."""
        if not target.dialling:
            target.peer = None
            target.next_at, target.attempts = now, 0

    def lost(self, peer: PeerName, error: str, up_for: float, now: float) -> None:
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

    def _where(self, address: str) -> PeerAddress:
        try:
            where = parse_peer_address(address)
        except UsageError:  # of an earlier version, perhaps; it won't resolve
            return PeerAddress(address, self._port)
        return PeerAddress(where.host, where.port or self._port)

    def _idle(self, connected: set[PeerName]) -> Iterable[Target]:
        return (target for target in self if not target.dialling and target.peer not in connected)
