from __future__ import annotations

import asyncio

import pytest

from weave_http.router.tasks import Tasks


def test_what_is_under_way_is_kept_until_it_ends_or_all_is_stopped() -> None:
    async def work() -> None:
        tasks = Tasks("a test")
        done = asyncio.Event()
        ended: list[str] = []

        async def wait(name: str) -> None:
            try:
                await (done if name == "short" else asyncio.Event()).wait()
            finally:
                ended.append(name)

        tasks.start(wait("short"))
        tasks.start(wait("long"))
        tasks.take(asyncio.create_task(wait("taken")))
        assert len(tasks) == 3
        await asyncio.sleep(0)
        done.set()
        while len(tasks) == 3:
            await asyncio.sleep(0)
        assert ended == ["short"]
        await tasks.stop()
        assert (sorted(ended), len(tasks)) == (["long", "short", "taken"], 0)
        await tasks.stop()

    asyncio.run(work())


def test_one_that_fails_says_so_in_the_log_and_is_nobody_elses_end(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        tasks = Tasks("a query")

        async def fail() -> None:
            raise ValueError("odd")

        tasks.start(fail())
        tasks.start(asyncio.sleep(60))
        while len(tasks) == 2:
            await asyncio.sleep(0)
        assert len(tasks) == 1
        await tasks.stop()

    asyncio.run(work())
    assert [record.getMessage() for record in caplog.records] == ["a query's task failed"]
    assert "ValueError: odd" in caplog.text
