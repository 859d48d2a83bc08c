"""What is played follows from the seed, and makes sense."""

from __future__ import annotations

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.schedule import OF_A_LINK, WEIGHTS, Action, Kind, rounds


def _actions(seed: int, hosts: int, count: int = 20) -> list[Action]:
    played = islice(rounds(seed, hosts, steps=6, at_once=4), count)
    return [action for steps in played for step in steps for action in step.actions]


def test_one_seed_is_one_schedule_and_another_seed_another_one() -> None:
    assert _actions(1, 5) == _actions(1, 5)
    assert _actions(1, 5) != _actions(2, 5)


@given(st.integers(0, 2**32), st.integers(2, 7))
def test_actions_name_hosts_that_there_are_and_containers_that_were_run(seed: int, hosts: int) -> None:
    where: dict[str, int] = {}
    for action in _actions(seed, hosts, 5):
        assert 0 <= action.host < hosts
        assert (action.other in range(hosts)) == (action.kind in OF_A_LINK or action.kind is Kind.MOVE)
        assert action.other != action.host
        if action.kind is Kind.RUN:
            assert action.container not in where
            where[action.container] = action.host
        elif action.container:
            assert where[action.container] == action.host, action
        if action.kind is Kind.MOVE:
            where[action.container] = action.other
        elif action.kind is Kind.REMOVE:
            del where[action.container]


def test_ten_minutes_have_everything_in_them_also_commands_that_are_killed() -> None:
    for seed in range(5):
        actions = _actions(seed, 5)
        assert {action.kind for action in actions} == set(WEIGHTS)
        assert any(action.killed for action in actions)
