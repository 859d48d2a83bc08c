"""Calls that block, kept off the event loop.

asyncio's own pool is of no use here: its threads are waited for when the program ends, so one slow name server, or a
held lock of iptables, would keep the router from ending when it is told to. These threads are abandoned instead.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def in_thread(function: Callable[[], T]) -> T:
    """Return what a function returns, or raise what it raises, having run it in a daemon thread of its own."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: Exception | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, error = None, None
        try:
            result = function()
        except Exception as caught:  # handed to whoever awaits
            error = caught
        with suppress(RuntimeError):  # the loop has been closed: no one waits any more
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name=getattr(function, "__name__", "blocking"), daemon=True).start()
    return await future
