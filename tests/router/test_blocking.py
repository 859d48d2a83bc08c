from __future__ import annotations

import asyncio
import threading
import time

import pytest

from weave_http.router.blocking import in_thread


def test_it_returns_and_raises_what_the_function_does_and_the_loop_goes_on() -> None:
    async def work() -> None:
        held = threading.Event()
        waiting = asyncio.create_task(in_thread(lambda: held.wait(10)))
        assert await in_thread(threading.get_ident) != threading.get_ident()
        with pytest.raises(ZeroDivisionError):
            await in_thread(lambda: 1 // 0)
        assert not waiting.done()
        held.set()
        assert await waiting

    asyncio.run(work())


def test_who_gives_up_waiting_is_free_at_once_and_so_is_the_program() -> None:
    held = threading.Event()

    async def work() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await in_thread(lambda: held.wait(10))
        task = asyncio.create_task(in_thread(lambda: held.wait(10)))
        await asyncio.sleep(0.01)
        task.cancel()

    began = time.monotonic()
    asyncio.run(work())
    assert time.monotonic() - began < 5, "its thread is not waited for"
    held.set()
