"""When a heartbeat is sent, and what is concluded of its acknowledgement, by a clock that is put forward."""

from __future__ import annotations

from contextlib import ExitStack
from typing import cast

import pytest

from weave_http.router.mesh import heartbeats
from weave_http.router.mesh.heartbeats import HEARTBEAT, LATE, LINK_TIMEOUT, OVERDUE, Heartbeats, Pulse
from weave_http.router.mesh.loop_clock import LoopClock
from weave_http.router.mesh.sockets import DEAD_AFTER, Unanswered
from weave_http.router.mesh.wire import Wire

STEP = 0.05


class World:
    """One pulse, its wire, and the time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, outbound: bool) -> None:
        self.time = 100.0
        self.beats: list[float] = []
        self.ends: list[str] = []
        self.acknowledged_at: float | None = None
        """When the kernel over there acknowledged something for the last time; None: all, always."""
        self.clock = self
        monkeypatch.setattr(heartbeats, "monotonic", self.now)
        self.pulse = Pulse(cast(Wire, self), outbound=outbound, end=self.ends.append)
        self.heartbeats = Heartbeats()
        self._stack = ExitStack()
        self._stack.enter_context(self.heartbeats.of(self.pulse))

    def now(self) -> float:
        return self.time

    def beat(self) -> None:
        self.beats.append(self.time - 100)

    @property
    def unanswered(self) -> Unanswered | None:
        return None if self.acknowledged_at is None else Unanswered(self.time - self.acknowledged_at, 0.001)

    def run(
        self,
        seconds: float,
        *,
        proved_each: float | None = None,
        heard_each: float | None = None,
        expected: float = 0.0,
    ) -> None:
        """Let time go by while something comes back, or comes, so often; the next is expected after so many seconds."""
        for _ in range(round(seconds / STEP)):
            self.time += STEP
            since = round((self.time - 100) / STEP)
            if proved_each is not None and since % round(proved_each / STEP) == 0:
                self.pulse.proved(expected)
            if heard_each is not None and since % round(heard_each / STEP) == 0:
                self.pulse.heard()
            self.heartbeats.look()


@pytest.mark.parametrize("outbound", [True, False])
def test_no_heartbeat_is_sent_while_something_comes_back_on_the_path_of_data(
    monkeypatch: pytest.MonkeyPatch, outbound: bool
) -> None:
    world = World(monkeypatch, outbound=outbound)
    world.run(100, proved_each=1.5)
    assert (world.beats, world.ends) == ([], [])


@pytest.mark.parametrize("outbound", [True, False])
def test_where_it_comes_back_less_often_heartbeats_wait_as_long(
    monkeypatch: pytest.MonkeyPatch, outbound: bool
) -> None:
    world = World(monkeypatch, outbound=outbound)
    world.pulse.proved(3.0)
    world.run(90, proved_each=3.0, expected=3.0)
    assert world.beats == []
    world.run(4)
    assert world.beats[0] == pytest.approx(90 + 3.0 + LATE + (0 if outbound else OVERDUE), abs=2 * STEP)
    assert len(world.beats) == 1


def test_without_it_the_side_that_dialled_sends_them_and_the_other_one_when_they_fail_to_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dialled = World(monkeypatch, outbound=True)
    dialled.run(10, heard_each=0.5)
    assert dialled.beats[:4] == pytest.approx([2, 4, 6, 8], abs=5 * STEP)
    other = World(monkeypatch, outbound=False)
    other.run(10, heard_each=HEARTBEAT)
    assert other.beats == []
    other.run(5)
    assert other.beats[0] == pytest.approx(10 + HEARTBEAT + OVERDUE, abs=2 * STEP)


@pytest.mark.parametrize("outbound", [True, False])
def test_a_dead_link_is_one_whose_last_heartbeat_nobody_acknowledged(
    monkeypatch: pytest.MonkeyPatch, outbound: bool
) -> None:
    world = World(monkeypatch, outbound=outbound)
    world.run(9, proved_each=1.5)
    world.acknowledged_at = world.time
    world.run(HEARTBEAT + LINK_TIMEOUT)
    assert world.ends == []
    world.run(3.0 - HEARTBEAT - LINK_TIMEOUT)
    assert world.ends[0].startswith("the link is dead: nothing acknowledged for ")
    assert len(world.beats) == 1


def test_a_link_that_acknowledges_late_is_not_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, outbound=True)
    world.acknowledged_at = world.time
    world.run(HEARTBEAT + LINK_TIMEOUT / 2)
    assert len(world.beats) == 1
    world.acknowledged_at = world.time
    world.run(HEARTBEAT / 2)
    assert world.ends == []


@pytest.mark.parametrize("outbound", [True, False])
def test_a_peer_of_which_nothing_is_heard_is_dead_though_its_kernel_acknowledges(
    monkeypatch: pytest.MonkeyPatch, outbound: bool
) -> None:
    world = World(monkeypatch, outbound=outbound)
    world.run(DEAD_AFTER - 0.5)
    assert world.ends == []
    world.run(1)
    assert set(world.ends) == {f"nothing heard for {DEAD_AFTER:.0f} s"}


@pytest.mark.parametrize("what", ["proved", "heard"])
def test_one_of_which_something_is_heard_or_comes_back_is_not(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    world = World(monkeypatch, outbound=True)
    world.run(60, **{f"{what}_each": 5.0})
    assert world.ends == []


def test_every_third_heartbeat_is_answered_by_the_side_that_was_dialled(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, outbound=False)
    for _ in range(12):
        world.run(HEARTBEAT, heard_each=HEARTBEAT)
        world.pulse.answer()
    assert len(world.beats) == 4
    dialled = World(monkeypatch, outbound=True)
    dialled.time += 60
    dialled.pulse.answer()
    assert dialled.beats == []


def test_a_clock_that_stands_still_for_a_lag_of_our_own_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, outbound=True)
    world.clock = cast(World, LoopClock())  # nobody keeps it going
    world.pulse.begin()
    world.run(60)
    assert world.ends == []


def test_a_connection_is_looked_at_when_it_is_time_and_not_whenever_another_one_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(monkeypatch, outbound=True)
    looks: list[float] = []
    look = world.pulse.look

    def counted() -> float:
        looks.append(world.time)
        return look()

    monkeypatch.setattr(world.pulse, "look", counted)
    world.run(60, proved_each=1.5)
    assert len(looks) <= 60 / 1.5 + 2
    assert world.beats == []
