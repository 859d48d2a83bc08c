"""A register's log, heard in part, late, repeatedly, at third hand and out of order, is never worse than incomplete."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from weave_http.router.dns import register as module
from weave_http.router.dns.register import NOTHING, Change, Heard, Name, Register, Update
from weave_http.router.facts import Stamp

ROOM = 10**6


def name(number: int) -> Name:
    return Name(f"c{number}.weave.local", f"10.2.1.{number}", "ab" * 32)


def names(register: Register) -> set[Name]:
    return {change.name for change in register}


class Follower(Register):
    """Someone who hears of an origin's names, and what an index of them has become."""

    def __init__(self, most_taken: int) -> None:
        self.indexed: set[Name] = set()
        super().__init__("origin", index=self._note, most_taken=most_taken)

    def _note(self, name: Name, there: bool) -> None:
        (self.indexed.add if there else self.indexed.discard)(name)


@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("say"), st.integers(0, 9), st.booleans()),
            st.tuples(st.just("told"), st.integers(0, 3), st.integers(0, 3)),
            st.tuples(st.just("late"), st.integers(0, 3), st.integers(0, 99)),
            st.tuples(st.just("restart"), st.booleans(), st.just(0)),
        ),
        max_size=80,
    ),
    chunk=st.integers(1, 5),
    most_taken=st.integers(0, 4),
    random=st.randoms(use_true_random=False),
)
def test_whoever_was_told_by_whomever_knows_the_truth_in_the_end(
    steps: list[tuple[str, int, int]], chunk: int, most_taken: int, random: Random
) -> None:
    whole = module.CHANGES_PER_UPDATE
    module.CHANGES_PER_UPDATE = chunk
    try:
        _play(steps, most_taken, random)
    finally:
        module.CHANGES_PER_UPDATE = whole


def _play(steps: list[tuple[str, int, int]], most_taken: int, random: Random) -> None:
    origin = Register("origin", Stamp(5, 1), most_taken=most_taken)
    truth: set[Name] = set()
    history = {origin.stamp: frozenset(truth)}
    followers = [Follower(most_taken) for _ in range(3)]
    said: list[Update] = []

    def told(speaker: Register, hearer: Follower, most: int = 99) -> None:
        for update in speaker.updates(hearer.stamp)[:most]:
            said.append(update)
            assert hearer.merge(update, ROOM) is Heard.NEWS

    for what, one, other in steps:
        if what == "say":
            assert origin.say(name(one), there=bool(other)) == ((name(one) in truth) != bool(other))
            (truth.add if other else truth.discard)(name(one))
            history[origin.stamp] = frozenset(truth)
        elif what == "told":  # only the first part arrives, if there are several
            speaker = origin if one == 3 else followers[one]
            if other < 3 and speaker is not followers[other]:
                told(speaker, followers[other], random.randint(1, 3))
        elif what == "late" and said and one < 3:
            before = followers[one].stamp, names(followers[one])
            if followers[one].merge(said[other % len(said)], ROOM) is not Heard.NEWS:
                assert before == (followers[one].stamp, names(followers[one]))
        elif what == "restart":  # the clock may have gone back, and others outdone
            was = origin.stamp
            origin = Register("origin", Stamp(max(1, was.uid + (1 if one else -1)), 1), most_taken=most_taken)
            truth = set()
            for follower in followers:
                origin.outdo(follower.stamp)
            history[origin.stamp] = frozenset()
        for follower in followers:
            assert follower.indexed == names(follower)
            if follower.stamp in history:
                # It may lack what changed later on, and never has what didn't count then and doesn't now.
                assert not {gone for gone in names(follower) - history[follower.stamp] if gone not in truth}, what
    for follower in followers:
        told(origin, follower)
    for follower in followers:
        assert (follower.stamp, names(follower), follower.indexed) == (origin.stamp, truth, truth)
        assert len(follower) == len(truth)


def test_one_change_costs_one_change_however_many_names_there_are() -> None:
    origin, follower = Register("origin", Stamp(1, 1)), Register("origin")
    for number in range(5000):
        origin.say(Name(f"c{number}.weave.local", "10.2.1.1", "x"), there=True)
    told = origin.updates(NOTHING)
    assert [len(update.changes) for update in told] == [1024] * 4 + [904]
    for update in told:
        follower.merge(update, ROOM)
    origin.say(name(1), there=True)
    (update,) = origin.updates(follower.stamp)
    assert update.changes == (Change(5002, name(1), True),)


def test_what_was_taken_away_does_not_come_back_by_what_comes_late() -> None:
    origin, follower = Register("origin", Stamp(1, 1)), Register("origin")
    origin.say(name(1), there=True)
    late = origin.updates(NOTHING)
    origin.say(name(1), there=False)
    for update in [*origin.updates(NOTHING), *late]:
        follower.merge(update, ROOM)
    assert names(follower) == set()


def test_a_gap_is_noticed_and_changes_nothing() -> None:
    origin, follower = Register("origin", Stamp(1, 1)), Register("origin")
    for update in origin.updates(NOTHING):
        follower.merge(update, ROOM)
    origin.say(name(1), there=True)
    missed = origin.stamp
    origin.say(name(2), there=True)
    (update,) = origin.updates(missed)
    assert follower.merge(update, ROOM) is Heard.GAP
    assert names(follower) == set()
    for update in origin.updates(follower.stamp):
        follower.merge(update, ROOM)
    assert names(follower) == {name(1), name(2)}


def test_there_is_room_for_so_many_names_and_no_more() -> None:
    origin, follower = Register("origin", Stamp(1, 1)), Follower(9)
    for number in range(9):
        origin.say(name(number), there=True)
    for update in origin.updates(NOTHING):
        assert follower.merge(update, 5) is Heard.NEWS
    assert (len(follower), len(follower.indexed)) == (5, 5)


def test_after_many_were_taken_away_those_who_lag_behind_are_told_everything() -> None:
    origin = Register("origin", Stamp(1, 1), most_taken=4)
    origin.say(name(0), there=True)
    early = origin.stamp
    for number in range(1, 9):
        origin.say(name(number), there=True)
        origin.say(name(number), there=False)
    (update,) = origin.updates(early)
    assert (update.base, [change.name for change in update.changes]) == (0, [name(0)])
