"""Both ends of a way: one of them asks for both while all is well, and each for itself as soon as it is not."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.router.paths.test_frame import ETHERNET, VXLAN, A, B
from weave_http.records import replace
from weave_http.router.data.plan import Way
from weave_http.router.mesh.heartbeats import HEARTBEAT
from weave_http.router.mesh.identity import PeerName
from weave_http.router.paths import frame
from weave_http.router.paths.frame import LEAST, Probe
from weave_http.router.paths.prober import INTERVAL, MOST_A_SECOND, MOST_SLOWER, SLOW, Prober
from weave_http.router.paths.track import ASK_AGAIN, State, Track

FULL = 1450
STEP = 0.01
OTHER = {A: B, B: A}
WAYS = {me: Way(peer, ip_address("192.0.2.1")) for me, peer in OTHER.items()}
"""What each end probes."""
Passes = Callable[[PeerName, int, float], bool]
"""Whether what a peer sends of a size arrives at a time."""


class Pair:
    """Two ends through time, with what goes between them as it is on the wire."""

    def __init__(self, passes: Passes = lambda source, size, now: True, *, old: bool = False) -> None:
        self.now = 0.0
        self._passes = passes
        self._old = old
        self._random = Random(1)
        self.proved: dict[PeerName, list[float]] = {A: [], B: []}
        """When each end had something come back."""
        self.sent: list[tuple[float, PeerName, bool, int]] = []
        """Time, sender, whether it was an answer, and size."""
        self.ends = {me: self._end(me) for me in OTHER}

    def _end(self, me: PeerName) -> Prober:
        def note(_: PeerName) -> None:
            self.proved[me].append(self.now)

        end = Prober(me, lambda: self._random.getrandbits(63) | 1, note)
        end.want({WAYS[me]: FULL}, 0.0)
        return end

    def track(self, me: PeerName) -> Track:
        track = self.ends[me].track(WAYS[me])
        assert track is not None
        return track

    def states(self) -> set[tuple[State, int]]:
        return {(self.track(me).state, self.track(me).mtu) for me in self.ends}

    def run(self, until: float) -> None:
        """Go on until a time."""
        while self.now < until:
            self.now += STEP
            for me, end in self.ends.items():
                for each in end.due(self.now)[0]:
                    self._send(me, each.probe)
                for peer in end.in_doubt:
                    end.pulse(peer, self.now)

    def _send(self, source: PeerName, probe: Probe) -> None:
        probe = replace(probe, wide=False, back=0, back_size=0) if self._old else probe
        packet = frame.pack(probe)[VXLAN:]
        size = len(packet) - ETHERNET
        self.sent.append((self.now, source, probe.answer, size))
        came = frame.parse(packet) if self._passes(source, size, self.now) else None
        if came is not None:
            answer = self.ends[OTHER[source]].hear(came, self.now + 0.001)
            if answer is not None:
                self._send(OTHER[source], answer.probe)


def test_while_all_is_well_a_question_and_an_answer_an_interval_are_all_and_heartbeats_are_not_needed() -> None:
    pair = Pair()
    pair.run(10)
    pair.sent.clear()
    pair.run(110)
    assert pair.states() == {(State.GOOD, FULL)}
    assert len(pair.sent) <= 2 * 100 / INTERVAL + 2 * (100 / ASK_AGAIN + 1)
    for times in pair.proved.values():
        assert max(after - before for before, after in pairwise(times)) < HEARTBEAT
        assert pair.now - times[-1] < HEARTBEAT


@pytest.mark.parametrize("silent", [{A}, {B}, {A, B}])
@given(st.floats(20, 20 + ASK_AGAIN))
@settings(deadline=None, max_examples=12)
def test_what_one_end_sends_being_lost_is_seen_by_both_within_five_seconds(silent: set[PeerName], at: float) -> None:
    pair = Pair(lambda source, size, now: not (source in silent and at < now < at + 30))
    pair.run(at + 5)
    assert pair.states() == {(State.BAD, FULL)}
    pair.run(at + 8)
    hears = {me: pair.ends[me].hears(OTHER[me], 0, pair.now) for me in (A, B)}
    assert hears == {A: B not in silent, B: A not in silent}
    pair.run(at + 35)
    assert pair.states() == {(State.GOOD, FULL)}


@pytest.mark.parametrize("narrow", [A, B])
@given(st.floats(20, 20 + ASK_AGAIN), st.integers(LEAST, FULL - 1))
@settings(deadline=None, max_examples=12)
def test_what_passes_is_found_for_each_direction_within_five_seconds(narrow: PeerName, at: float, most: int) -> None:
    pair = Pair(lambda source, size, now: source != narrow or size <= most or not at < now < at + 30)
    pair.run(at + 5)
    assert (pair.track(narrow).mtu, pair.track(OTHER[narrow]).mtu) == (most, FULL)
    pair.run(at + 30)
    assert (pair.track(narrow).mtu, pair.track(OTHER[narrow]).mtu) == (most, FULL)
    pair.run(at + 36)
    assert pair.states() == {(State.GOOD, FULL)}


@given(st.integers(0, 1000))
@settings(deadline=None, max_examples=10)
def test_some_loss_changes_nothing(seed: int) -> None:
    chance = Random(seed)
    pair = Pair(lambda source, size, now: chance.random() > 0.05)
    pair.run(5)
    for _ in range(100):
        pair.run(pair.now + 1)
        assert pair.states() == {(State.GOOD, FULL)}


def test_a_peer_of_before_who_confirms_nothing_is_asked_by_both() -> None:
    pair = Pair(old=True)
    pair.run(100)
    assert pair.states() == {(State.GOOD, FULL)}
    questions = {me: sum(sender == me and not answer for _, sender, answer, _ in pair.sent) for me in (A, B)}
    assert all(count >= 100 / INTERVAL - 5 for count in questions.values())


def test_an_answer_is_never_larger_than_its_question() -> None:
    pair = Pair(lambda source, size, now: now < 10 or size < 700)
    pair.run(60)
    asked: dict[PeerName, int] = {}
    for _, sender, is_answer, size in pair.sent:
        if is_answer:
            assert size <= max(LEAST, asked[OTHER[sender]])
        else:
            asked[sender] = size


def test_of_many_peers_each_is_asked_less_often() -> None:
    me = PeerName("02:00:00:00:00:00")
    end = Prober(me)
    ways = {Way(f"02:00:00:00:02:{number:02x}", ip_address(f"192.0.2.{number}")): FULL for number in range(200)}
    end.want(ways, 0.0)
    now, questions = 0.0, 0
    while now < 90:
        now += STEP
        for each in end.due(now)[0]:
            questions += now > 30
            asked = each.probe
            answer = Probe(True, asked.target, me, 0, asked.nonce, asked.size)
            end.hear(answer, now + 0.001)
    assert questions / 60 <= 2 * MOST_A_SECOND + 5, "those who would ask us do not, here"


def test_a_hundred_peers_are_asked_as_often_as_few() -> None:
    def interval(peers: int) -> float:
        end = Prober(PeerName("02:00:00:00:00:00"))
        ways = [Way(f"02:00:00:00:02:{number:02x}", ip_address(f"192.0.2.{number}")) for number in range(peers)]
        end.want(dict.fromkeys(ways, FULL), 0.0)
        return end.interval

    assert [interval(peers) for peers in (1, 100, 200)] == [INTERVAL, INTERVAL, 2 * INTERVAL]


@pytest.mark.parametrize("slow", [{A, B}, {A}, {B}])
def test_who_lags_asks_less_often_and_all_is_well_all_the_same(slow: set[PeerName]) -> None:
    pair = Pair()
    for me in slow:
        pair.ends[me].slowness = MOST_SLOWER * SLOW
        pair.ends[me].want({WAYS[me]: FULL}, 0.0)
    pair.run(10)
    pair.sent.clear()
    pair.run(110)
    assert pair.states() == {(State.GOOD, FULL)}
    if len(slow) == 2:
        assert len(pair.sent) <= 2 * 100 / (MOST_SLOWER * INTERVAL) + 2 * (100 / ASK_AGAIN + 1)
    quiet = next(iter(slow))
    pair._passes = lambda source, size, now: source != quiet
    pair.run(110 + 5 + 2 * MOST_SLOWER * INTERVAL)
    assert pair.states() == {(State.BAD, FULL)}
