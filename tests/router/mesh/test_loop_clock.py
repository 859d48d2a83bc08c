from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from time import monotonic
from typing import Any

import pytest

from weave_http.router.mesh.loop_clock import LoopClock


def _run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 30))


def test_a_limit_is_over_in_time_when_the_loop_has_time() -> None:
    async def test() -> None:
        clock = LoopClock()
        running = asyncio.create_task(clock.run())
        began = monotonic()
        with pytest.raises(TimeoutError):
            async with clock.timeout(0.6):
                await asyncio.sleep(10)
        assert 0.55 < monotonic() - began < 5
        running.cancel()

    _run(test())


def test_what_is_done_in_time_is_not_disturbed() -> None:
    async def test() -> None:
        clock = LoopClock()
        async with clock.timeout(0.05):
            pass
        await asyncio.sleep(0.1)

    _run(test())


def test_a_loop_that_was_held_up_counts_a_moment_only() -> None:
    async def test() -> None:
        clock = LoopClock()
        running = asyncio.create_task(clock.run())
        await asyncio.sleep(0)
        before = clock.now()
        async with clock.timeout(1.5):
            time.sleep(3)
            await asyncio.sleep(0.01)
        assert clock.now() - before < 1.0
        running.cancel()

    _run(test())


def test_how_slow_the_loop_is_is_known_and_forgotten() -> None:
    async def test() -> None:
        clock = LoopClock()
        running = asyncio.create_task(clock.run())
        await asyncio.sleep(0.01)
        assert clock.slowness == 1.0
        time.sleep(2.5)
        await asyncio.sleep(0.01)
        held_up = clock.slowness
        assert held_up > 2.5
        await asyncio.sleep(2.0)
        assert clock.slowness < held_up
        running.cancel()

    _run(test())
