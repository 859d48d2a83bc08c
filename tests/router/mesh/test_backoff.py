from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weave_http.router.mesh.backoff import STEADY, delay, delay_after


def test_the_mean_grows_by_half_from_two_seconds() -> None:
    assert [delay(attempt, lambda: 0.5) for attempt in (1, 2, 3)] == [2.0, 3.0, 4.5]


@given(st.integers(1, 10**6), st.floats(0, 1, exclude_max=True))
def test_it_is_between_one_second_and_a_minute(attempt: int, chance: float) -> None:
    assert 1.0 <= delay(attempt, lambda: chance) <= 60.0


def test_it_is_spread_by_half_to_either_side_also_at_its_longest() -> None:
    assert (delay(1, lambda: 0.0), delay(1, lambda: 0.999)) == (1.0, 2.998)
    assert delay(99, lambda: 0.0) == 20.0


def test_a_connection_that_had_been_good_is_dialled_again_at_once() -> None:
    assert delay_after(STEADY + 1, 1) == 0.0
    assert delay_after(STEADY - 1, 1) >= 1.0
