"""One way's state, driven by a path that takes packets up to a size, or loses some."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weave_http.router.paths.frame import LEAST
from weave_http.router.paths.track import HELD, LONE_PROVED, MOST_PROVED, SILENCE, State, Track

FULL = 1450
INTERVAL = 2.5
STEP = 0.01


class Line:
    """A way through time: what passes is a function of size and time."""

    def __init__(self, passes: Callable[[int, float], bool], full: int = FULL) -> None:
        self.passes = passes
        self.now = 0.0
        self.track = Track(full, 0.0)
        self.sent: list[int] = []
        self.changes: list[tuple[float, State, int]] = []
        self.alive = True

    def run(self, until: float) -> Track:
        """Go on until a time."""
        track = self.track
        while self.now < until:
            self.now += STEP
            if track.conclude(INTERVAL, self.now):
                self.changes.append((self.now, track.state, track.mtu))
            for size in track.send(self.now):
                self.sent.append(size)
                if self.passes(size, self.now):
                    track.answered(size, self.now, self.now + 0.001)
            if self.alive and track.wants_pulse:
                track.pulse(self.now)
        return track


class Busy(Line):
    """A way to a host that answers one question after another, each after a while of its own, in seconds."""

    def __init__(self, most: int, takes: Callable[[float], float]) -> None:
        super().__init__(lambda size, now: size <= most)
        self._takes = takes
        self._free_at = 0.0
        self._answers: list[tuple[float, int, float]] = []

    def run(self, until: float) -> Track:
        """Go on until a time."""
        track = self.track
        while self.now < until:
            self.now += STEP
            while self._answers and self._answers[0][0] <= self.now:
                _, size, sent_at = self._answers.pop(0)
                track.answered(size, sent_at, self.now)
            if track.conclude(INTERVAL, self.now):
                self.changes.append((self.now, track.state, track.mtu))
            for size in track.send(self.now):
                self.sent.append(size)
                if self.passes(size, self.now):
                    self._free_at = max(self._free_at, self.now) + self._takes(self.now)
                    self._answers.append((self._free_at, size, self.now))
            if track.wants_pulse:
                track.pulse(self.now)
        return track


@pytest.mark.parametrize("most", [1430, FULL])
@given(st.integers(0, 1000), st.floats(0.001, 0.25))
@settings(deadline=None, max_examples=40)
def test_a_host_that_answers_late_is_not_taken_for_a_narrow_way(most: int, seed: int, slowest: float) -> None:
    chance = Random(seed)
    line = Busy(most, lambda now: chance.random() * slowest if now % 20 < 10 else 0.0005)
    line.run(100)
    assert {mtu for _, _, mtu in line.changes} - {0} <= {most, FULL}
    assert (line.track.state, line.track.mtu) == (State.GOOD, most)


def test_a_good_way_is_good_at_once_and_costs_one_probe_an_interval() -> None:
    line = Line(lambda size, now: True)
    assert (line.run(0.1).state, line.track.mtu) == (State.GOOD, FULL)
    line.run(100)
    assert len(line.sent) <= 2 + 100 / INTERVAL
    assert len(line.changes) == 1


@pytest.mark.parametrize("moment", [10.0, 10.7, 11.4, 12.4])
def test_a_block_is_seen_within_five_seconds_and_so_is_its_end(moment: float) -> None:
    line = Line(lambda size, now: not moment < now < 30)
    line.run(moment + 5)
    assert line.track.state is State.BAD
    line.run(35)
    assert (line.track.state, line.track.mtu) == (State.GOOD, FULL)


@given(st.integers(LEAST, FULL - 1), st.floats(10, 13))
@settings(deadline=None, max_examples=30)
def test_what_passes_is_found_to_the_byte_within_five_seconds_and_back(most: int, moment: float) -> None:
    line = Line(lambda size, now: size <= most or not moment < now < 20)
    line.run(moment + 5)
    assert (line.track.state, line.track.mtu) == (State.GOOD, most)
    line.run(20 + 5)
    assert line.track.mtu == FULL


def test_a_way_that_is_narrow_from_the_start_is_found_to_be() -> None:
    line = Line(lambda size, now: size <= 1350)
    assert (line.run(3).state, line.track.mtu) == (State.GOOD, 1350)
    assert [mtu for _, _, mtu in line.changes][-1] == 1350


def test_a_way_that_gets_narrower_once_more_is_found_to_be() -> None:
    line = Line(lambda size, now: size <= (1450 if now < 10 else 1400 if now < 20 else 1300))
    assert line.run(16).mtu == 1400
    assert line.run(26).mtu == 1300


@given(st.integers(0, 1000))
@settings(deadline=None, max_examples=20)
def test_some_loss_changes_nothing(seed: int) -> None:
    chance = Random(seed)
    line = Line(lambda size, now: chance.random() > 0.05)
    line.run(120)
    assert {state for _, state, _ in line.changes} == {State.GOOD}
    assert {mtu for _, _, mtu in line.changes} - {0} == {FULL}


def test_a_router_that_gives_no_sign_of_life_is_given_more_time() -> None:
    line = Line(lambda size, now: now < 10)
    line.alive = False
    assert line.run(20).state is State.GOOD
    assert line.run(10 + INTERVAL + SILENCE + 1.5).state is State.BAD


def test_a_way_that_comes_and_goes_is_used_the_less_the_longer_it_does() -> None:
    line = Line(lambda size, now: now % 10 < 5)
    line.track.covered = True
    line.run(300)
    ups = [now for now, state, _ in line.changes if state is State.GOOD]
    assert len(ups) <= 4, "30 times it was good for five seconds"
    line.passes = lambda size, now: True
    assert line.run(300 + MOST_PROVED + 2).state is State.GOOD


def test_where_no_other_way_is_used_one_that_was_bad_often_soon_counts_again() -> None:
    line = Line(lambda size, now: now % 10 < 5)
    line.run(300)
    line.passes = lambda size, now: True
    assert line.run(302).recovers
    assert line.run(300 + LONE_PROVED + 2).state is State.GOOD


def test_a_larger_network_is_looked_at_at_once() -> None:
    line = Line(lambda size, now: size <= 8950, full=1450)
    line.run(5)
    line.track.set_full(8950, line.now)
    line.run(10)
    assert line.track.mtu == 8950


def test_a_way_is_not_probed_before_the_peer_takes_frames_and_then_at_once() -> None:
    line = Line(lambda size, now: True)
    for _ in range(300):
        line.track.hold(line.now, held=True)
        line.run(line.now + 0.1)
    assert (line.sent, line.track.state) == ([], State.CHECKING)
    line.track.hold(line.now, held=False)
    line.run(line.now + 0.1)
    assert line.track.state is State.GOOD
    line.track.hold(line.now, held=True)
    line.run(line.now + 10)
    assert len(line.sent) > 4, "what was good is probed whatever its peer says"


def test_a_peer_that_never_takes_frames_is_unreachable_in_the_end() -> None:
    line = Line(lambda size, now: False)
    while line.now < HELD + 5:
        line.track.hold(line.now, held=True)
        line.run(line.now + 1)
        assert (line.track.state is State.CHECKING) or line.now > HELD
    assert line.track.state is State.BAD
