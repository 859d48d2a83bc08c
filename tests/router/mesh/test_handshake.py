from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.router.mesh.worlds import hello, name
from weave_http.router.mesh.handshake import Doubt, Refusal, Refused, Rival, agree, check_clock, judge
from weave_http.router.mesh.messages import Hello

ME = hello(1, uid=10)


def _judge(theirs: Hello, *rivals: Rival, full: bool = False) -> Doubt | None:
    return judge(ME, theirs, list(rivals), full=full, limit=5)


def _rival(number: int, *, uid: int = 1, established: bool = True) -> Rival:
    return Rival(hello(2, uid=uid), number, established)


def test_a_stranger_is_taken() -> None:
    assert _judge(hello(2)) is None


def test_oneself_is_refused_for_long() -> None:
    with pytest.raises(Refused, match="cannot connect to ourself") as caught:
        _judge(hello(1, uid=10))
    assert caught.value.code is Refusal.SELF
    assert caught.value.code.lasting


def test_another_one_of_our_name_is_refused_for_long_and_told_the_cure() -> None:
    with pytest.raises(Refused, match=f"host1 and host1 have the same peer name: {name(1)}; .*weave reset") as caught:
        _judge(hello(1, uid=11))
    assert caught.value.code is Refusal.NAME
    assert caught.value.code.lasting


def test_beyond_the_limit_no_one_new_is_taken_but_may_try_later() -> None:
    with pytest.raises(Refused, match="host1 has reached its connection limit of 5") as caught:
        _judge(hello(2), full=True)
    assert not caught.value.code.lasting


@pytest.mark.parametrize("full", [False, True])
def test_a_lower_number_supersedes_an_established_one_if_the_peer_confirms_it_there(full: bool) -> None:
    doubt = _judge(hello(2, connection=3), _rival(4), full=full)
    assert doubt is not None
    assert doubt.unless_confirmed


def test_of_two_connections_in_their_handshake_the_lower_number_supersedes() -> None:
    assert _judge(hello(2, connection=3), _rival(4, established=False)) is None


def test_the_higher_number_is_refused_if_the_other_one_is_alive() -> None:
    doubt = _judge(hello(2, connection=5), _rival(4))
    assert doubt is not None
    assert (doubt.rival.number, doubt.refused.code) == (4, Refusal.DUPLICATE)
    assert not doubt.unless_confirmed
    assert not doubt.refused.code.lasting


def test_while_the_better_one_still_shakes_hands_the_other_one_is_refused() -> None:
    with pytest.raises(Refused, match="multiple connections to"):
        _judge(hello(2, connection=5), _rival(4, established=False))


def test_another_process_of_a_name_is_a_clone_if_the_first_lives_else_a_restart() -> None:
    doubt = _judge(hello(2, uid=2, connection=1), _rival(4, uid=1))
    assert doubt is not None
    assert doubt.refused.code is Refusal.NAME
    assert doubt.refused.reason.startswith(f"host2 and host2 have the same peer name: {name(2)};")
    assert not doubt.unless_confirmed


@given(st.integers(0, 99), st.integers(0, 99), st.booleans())
def test_both_ends_prefer_the_same_one_of_two_connections(one: int, other: int, first: bool) -> None:
    if one == other:
        return
    survivors = set()
    for met_first in (first, not first):
        early, late = (one, other) if met_first else (other, one)
        doubt = _judge(hello(2, connection=late), _rival(early))
        survivors.add(late if doubt is not None and doubt.unless_confirmed else early)
    assert survivors == {min(one, other)}


@pytest.mark.parametrize(("theirs", "ours", "agreed"), [((1, 1), (1, 1), 1), ((1, 3), (2, 5), 3), ((3, 9), (1, 3), 3)])
def test_the_highest_common_version_is_spoken(theirs: tuple[int, int], ours: tuple[int, int], agreed: int) -> None:
    assert agree(theirs, ours) == agree(ours, theirs) == agreed


def test_without_a_common_version_both_sides_say_what_they_speak() -> None:
    with pytest.raises(Refused, match="incompatible protocol versions: they speak 2 to 3, we 1 to 1") as caught:
        agree((2, 3), (1, 1))
    assert caught.value.code.lasting


def test_a_peer_whose_clock_is_days_ahead_is_told_so() -> None:
    now = 1_800_000_000.0
    check_clock(ME, hello(2, uid=int(now * 1e6) + 86_400_000_000), now)
    check_clock(ME, hello(2, uid=1), now)
    with pytest.raises(Refused, match="the clock of host2 is 9 days ahead of that of host1: set them right") as caught:
        check_clock(ME, hello(2, uid=int(now * 1e6) + 9 * 86_400_000_000), now)
    assert caught.value.code.lasting
