"""A register's log, heard in part, late, repeatedly, at third hand and out of order, is never worse than incomplete."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weave_http.addresses import parse_ip
from weave_http.router.mesh.facts import NOTHING, Stamp
from weave_http.router.mesh.identity import PeerName
from weave_http.router.names.register import Change, Heard, Name, Register, Update

ROOM = 10**6
ORIGIN = PeerName("origin")


def name(number: int) -> Name:
    return Name(f"c{number}.weave.local", parse_ip(f"10.2.1.{number}"), "ab" * 32)


def names(register: Register) -> set[Name]:
    return {change.name for change in register}


class Follower(Register):
    """Someone who hears of an origin's names, and what an index of them has become."""

    def __init__(self, most_tombstones: int) -> None:
        self.indexed: set[Name] = set()
        super().__init__(ORIGIN, index=self._note, most_tombstones=most_tombstones)

    def _note(self, name: Name, present: bool) -> None:
        (self.indexed.add if present else self.indexed.discard)(name)


@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("say"), st.integers(0, 9), st.booleans()),
            st.tuples(st.just("told"), st.integers(0, 3), st.integers(0, 3)),
            st.tuples(st.just("late"), st.integers(0, 3), st.integers(0, 99)),
            st.tuples(st.just("restart"), st.booleans(), st.just(0)),
        ),
        min_size=25,
        max_size=80,
    ),
    most_tombstones=st.integers(0, 4),
)
def test_whoever_was_told_by_whomever_knows_the_truth_in_the_end(
    steps: list[tuple[str, int, int]], most_tombstones: int
) -> None:
    lives = [10**6]
    origin = Register(ORIGIN, Stamp(lives[0], 1), most_tombstones=most_tombstones)
    truth: set[Name] = set()
    history = {origin.stamp: frozenset(truth)}
    followers = [Follower(most_tombstones) for _ in range(3)]
    said: list[Update] = []

    def told(speaker: Register, hearer: Follower) -> None:
        update = speaker.since(hearer.stamp)
        if update is not None:
            said.append(update)
            assert hearer.merge(update, ROOM) is Heard.NEWS

    for what, one, other in steps:
        if what == "say":
            assert origin.say(name(one), present=bool(other)) == ((name(one) in truth) != bool(other))
            (truth.add if other else truth.discard)(name(one))
            history[origin.stamp] = frozenset(truth)
        elif what == "told":
            speaker = origin if one == 3 else followers[one]
            if other < 3 and speaker is not followers[other]:
                told(speaker, followers[other])
        elif what == "late" and said and one < 3:
            before = followers[one].stamp, names(followers[one])
            if followers[one].merge(said[other % len(said)], ROOM) is not Heard.NEWS:
                assert before == (followers[one].stamp, names(followers[one]))
        elif what == "restart":  # the clock may have gone back, and others supersededne
            lives.append(max(lives) + 99 if one else min(lives) - 99)
            origin = Register(ORIGIN, Stamp(lives[-1], 1), most_tombstones=most_tombstones)
            truth = set()
            for follower in followers:
                origin.supersede(follower.stamp)
            history[origin.stamp] = frozenset()
            assert len(origin) == 0
        for follower in followers:
            assert follower.indexed == names(follower)
            assert names(follower) == history.get(follower.stamp, set())
    for follower in followers:
        origin.supersede(follower.stamp)
    for follower in followers:
        told(origin, follower)
    for follower in followers:
        assert (follower.stamp, names(follower), follower.indexed) == (origin.stamp, truth, truth)
        assert len(follower) == len(truth)


def _told(speaker: Register, hearer: Register) -> Update:
    update = speaker.since(hearer.stamp)
    assert update is not None
    hearer.merge(update, ROOM)
    return update


def test_one_change_costs_one_change_however_many_names_there_are() -> None:
    origin, follower = Register(ORIGIN, Stamp(1, 1)), Register(ORIGIN)
    for number in range(5000):
        origin.say(Name(f"c{number}.weave.local", parse_ip("10.2.1.1"), "x"), present=True)
    assert len(_told(origin, follower).changes) == 5000
    origin.say(name(1), present=True)
    assert _told(origin, follower).changes == (Change(5002, name(1), True),)
    assert origin.since(follower.stamp) is None


def test_what_was_taken_away_does_not_come_back_by_what_comes_late() -> None:
    origin, follower = Register(ORIGIN, Stamp(1, 1)), Register(ORIGIN)
    origin.say(name(1), present=True)
    late = origin.since(NOTHING)
    assert late is not None
    origin.say(name(1), present=False)
    _told(origin, follower)
    assert follower.merge(late, ROOM) is Heard.STALE
    assert names(follower) == set()


def test_a_gap_is_noticed_and_changes_nothing() -> None:
    origin, follower = Register(ORIGIN, Stamp(1, 1)), Register(ORIGIN)
    _told(origin, follower)
    origin.say(name(1), present=True)
    missed = origin.stamp
    origin.say(name(2), present=True)
    update = origin.since(missed)
    assert update is not None
    assert follower.merge(update, ROOM) is Heard.GAP
    assert names(follower) == set()
    _told(origin, follower)
    assert names(follower) == {name(1), name(2)}


def test_there_is_room_for_so_many_names_and_no_more() -> None:
    origin, follower = Register(ORIGIN, Stamp(1, 1)), Follower(9)
    for number in range(9):
        origin.say(name(number), present=True)
    update = origin.since(NOTHING)
    assert update is not None
    assert follower.merge(update, 5) is Heard.NEWS
    assert (len(follower), len(follower.indexed)) == (5, 5)
    assert follower.incomplete
    follower.withdraw()
    assert follower.since(NOTHING) is None
    assert follower.merge(update, ROOM) is Heard.NEWS
    assert names(follower) == follower.indexed == names(origin)


def test_a_register_is_complete_again_when_all_was_heard() -> None:
    origin, follower = Register(ORIGIN, Stamp(1, 1)), Register(ORIGIN)
    origin.say(name(1), present=True)
    update = origin.since(NOTHING)
    assert update is not None
    follower.merge(update, 0)
    follower.withdraw()
    follower.merge(update, ROOM)
    assert not follower.incomplete


def test_names_that_were_withdrawn_stay_until_anything_is_heard() -> None:
    early, late, follower = Register(ORIGIN, Stamp(9, 1)), Register(ORIGIN, Stamp(5, 1)), Follower(9)
    early.say(name(1), present=True)
    _told(early, follower)
    follower.withdraw()
    assert names(follower) == follower.indexed == {name(1)}
    late.say(name(2), present=True)
    _told(late, follower)
    assert names(follower) == follower.indexed == {name(2)}


def test_after_many_were_taken_away_those_who_lag_behind_are_told_everything() -> None:
    origin = Register(ORIGIN, Stamp(1, 1), most_tombstones=4)
    origin.say(name(0), present=True)
    early = origin.stamp
    for number in range(1, 9):
        origin.say(name(number), present=True)
        origin.say(name(number), present=False)
    update = origin.since(early)
    assert update is not None
    assert (update.base, [change.name for change in update.changes]) == (0, [name(0)])


def test_what_overlaps_with_what_is_known_is_told_on_whole() -> None:
    origin, follower, last = Register(ORIGIN, Stamp(1, 1)), Register(ORIGIN), Register(ORIGIN)
    _told(origin, follower)
    start = origin.stamp
    for number in (1, 2):
        origin.say(name(number), present=True)
        _told(origin, follower)
    _told(origin, last)
    origin.say(name(3), present=True)
    overlapping = origin.since(start)
    assert overlapping is not None
    follower.merge(overlapping, ROOM)
    assert [change.name for change in _told(follower, last).changes] == [name(3)]
    assert names(last) == {name(1), name(2), name(3)}


def test_an_origin_that_supersedes_an_earlier_life_keeps_its_names() -> None:
    early, late, follower = Register(ORIGIN, Stamp(9, 1)), Register(ORIGIN, Stamp(5, 1)), Register(ORIGIN)
    early.say(name(1), present=True)
    _told(early, follower)
    late.say(name(2), present=True)
    late.say(name(3), present=True)
    late.say(name(3), present=False)
    assert late.since(follower.stamp) is None
    late.supersede(follower.stamp)
    early.say(name(4), present=True)
    assert late.stamp > early.stamp
    late.say(name(5), present=True)
    _told(late, follower)
    assert names(follower) == names(late) == {name(2), name(5)}


def test_who_was_told_everything_cannot_tell_others_what_was_taken_away_before() -> None:
    origin, early, late = Register(ORIGIN, Stamp(1, 1)), Register(ORIGIN), Register(ORIGIN)
    origin.say(name(1), present=True)
    _told(origin, early)
    origin.say(name(1), present=False)
    origin.say(name(2), present=True)
    _told(origin, late)
    assert _told(late, early).base == 0
    assert names(early) == {name(2)}
