"""What is done to the hosts, in which order: it follows from the seed alone. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from random import Random
from typing import NamedTuple

from weave_http.records import dataclass, field

MOST_CONTAINERS = 3
"""Containers a host, on average; then none is started any more before one is removed."""


class Kind(StrEnum):
    """What can be done."""

    RUN = "run"
    MOVE = "move"
    STOP = "stop"
    START = "start"
    REMOVE = "remove"
    ATTACH = "attach"
    DETACH = "detach"
    CUT = "cut"
    CUT_ONE_WAY = "cut one way"
    CUT_DATA = "cut data"
    PULL_CABLE = "pull the cable"
    SLOW = "slow"
    HEAL = "heal"
    KILL_ROUTER = "kill the router"
    FREEZE_ROUTER = "freeze the router"
    KILL_ENGINE = "kill the engine"
    REBOOT = "reboot"


WEIGHTS = {
    Kind.RUN: 8,
    Kind.MOVE: 6,
    Kind.STOP: 2,
    Kind.START: 2,
    Kind.REMOVE: 3,
    Kind.ATTACH: 2,
    Kind.DETACH: 2,
    Kind.CUT: 3,
    Kind.CUT_ONE_WAY: 1,
    Kind.CUT_DATA: 1,
    Kind.PULL_CABLE: 1,
    Kind.SLOW: 1,
    Kind.HEAL: 4,
    Kind.KILL_ROUTER: 3,
    Kind.FREEZE_ROUTER: 1,
    Kind.KILL_ENGINE: 1,
    Kind.REBOOT: 1,
}
"""How often each is done, beside the others."""
OF_A_CONTAINER = frozenset({Kind.MOVE, Kind.STOP, Kind.START, Kind.REMOVE, Kind.ATTACH, Kind.DETACH})
OF_A_LINK = frozenset({Kind.CUT, Kind.CUT_ONE_WAY, Kind.CUT_DATA})
KILLED = 0.2
"""Share of the commands that are killed midway."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that is done.

    Args:
        kind: what.
        host: number of the host, from 0; of a link, its one end.
        other: number of the link's other end, or of the host to which a container moves; -1 for none.
        container: its name; empty for what concerns none.
        killed: seconds after which the command is killed; 0 for one that is not.
        restarts: whether the engine is to start the container again after a reboot.
    """

    kind: Kind
    host: int
    other: int = -1
    container: str = ""
    killed: float = 0.0
    restarts: bool = False

    def __str__(self) -> str:
        words = [f"host{self.host + 1}:", self.kind, self.container]
        words += [f"to host{self.other + 1}"] if self.other >= 0 else []
        words += [f"killed after {self.killed:.2f} s"] if self.killed else []
        return " ".join(word for word in words if word)


class Step(NamedTuple):
    """What several callers do at once.

    Attributes:
        actions: each begun at the same moment.
        pause: seconds until the next step, after all have ended.
    """

    actions: tuple[Action, ...]
    pause: float


def rounds(seed: int, hosts: int, *, steps: int, at_once: int) -> Iterator[tuple[Step, ...]]:
    """Yield what is done from one healing to the next, without an end.

    Args:
        seed: all follows from it.
        hosts: how many there are.
        steps: of a round.
        at_once: callers at most.
    """
    chance = Random(seed)
    plan = _Plan(hosts)
    while True:
        yield tuple(plan.step(chance, at_once) for _ in range(steps))


@dataclass
class _Plan:
    """Which containers there are by the plan; a command that fails makes another difference, which does no harm."""

    hosts: int
    where: dict[str, int] = field(default_factory=dict)
    named: int = 0

    def step(self, chance: Random, at_once: int) -> Step:
        actions = tuple(self.action(chance) for _ in range(chance.randint(1, at_once)))
        return Step(actions, round(chance.uniform(0, 1.5), 2))

    def action(self, chance: Random) -> Action:
        (kind,) = chance.choices(list(WEIGHTS), list(WEIGHTS.values()))
        if kind is Kind.RUN and len(self.where) >= MOST_CONTAINERS * self.hosts:
            kind = Kind.REMOVE
        if kind in OF_A_CONTAINER and not self.where:
            kind = Kind.RUN
        killed = round(chance.uniform(0.05, 0.9), 2) if chance.random() < KILLED else 0.0
        if kind is Kind.RUN:
            self.named += 1
            name = f"c{self.named}"
            self.where[name] = host = chance.randrange(self.hosts)
            return Action(kind, host, container=name, killed=killed, restarts=chance.random() < 0.5)
        if kind in OF_A_CONTAINER:
            return self._of_a_container(kind, chance, killed)
        host = chance.randrange(self.hosts)
        return Action(kind, host, self._another(host, chance) if kind in OF_A_LINK else -1)

    def _of_a_container(self, kind: Kind, chance: Random, killed: float) -> Action:
        name = chance.choice(sorted(self.where))
        host = self.where[name]
        if kind is Kind.MOVE:
            self.where[name] = other = self._another(host, chance)
            return Action(kind, host, other, name, killed, restarts=chance.random() < 0.5)
        if kind is Kind.REMOVE:
            del self.where[name]
        return Action(kind, host, container=name, killed=killed if kind in (Kind.ATTACH, Kind.DETACH) else 0.0)

    def _another(self, host: int, chance: Random) -> int:
        return chance.choice([other for other in range(self.hosts) if other != host])
