"""A part of what `make fuzz` feeds, in each run of the tests."""

from __future__ import annotations

import gc
import tracemalloc

from tests.router.mesh import fuzz


def test_the_core_takes_twenty_thousand_inputs_and_keeps_nothing_of_them() -> None:
    good, most = fuzz.core(20_000, seed=1)
    assert 6_000 < good < 19_000
    assert most > 500, "the inputs must reach what they are meant for"


def test_memory_is_bounded_while_strangers_speak_and_free_when_they_are_gone() -> None:
    fuzz.core(2_000, seed=2)  # fills caches of bounded size
    tracemalloc.start()
    try:
        fuzz.core(4_000, seed=3)
        gc.collect()
        current, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 24 * 2**20, peak
    assert current < 2 * 2**20, current


def test_a_router_keeps_its_honest_peer_through_thousands_of_frames_of_a_stranger() -> None:
    fuzz.router(3_000, seed=4)
