"""A server that is loaded for its first client: nobody is refused, and nothing is left when it stops."""

from __future__ import annotations

import asyncio
import socket
import threading
import urllib.request

import pytest
from aiohttp import web

from weave_http.errors import HostError
from weave_http.router.control.late_server import LateServer

CLIENTS = 20


async def _hello(request: web.Request) -> web.Response:
    return web.Response(text="hello")


class Made:
    """A late server at a free port.

    Args:
        failure: why it can't be loaded.
    """

    def __init__(self, failure: Exception | None = None) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.times = 0
        self.may_load = threading.Event()
        self.may_load.set()
        self._failure = failure
        self.server = LateServer("127.0.0.1", self.port, self._make, when_taken="choose another one")

    def _make(self) -> web.AppRunner:
        self.times += 1
        assert self.may_load.wait(60)
        if self._failure is not None:
            raise self._failure
        app = web.Application()
        app.add_routes([web.get("/", _hello)])
        return web.AppRunner(app, shutdown_timeout=0.3)

    def ask(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=60) as answer:
            return str(answer.read().decode())

    def is_listening(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def test_it_listens_at_once_and_is_loaded_once_for_all_who_wait() -> None:
    async def work() -> None:
        made = Made()
        made.may_load.clear()
        await made.server.start()
        assert made.times == 0
        asking = [asyncio.create_task(asyncio.to_thread(made.ask)) for _ in range(CLIENTS)]
        while made.times == 0:
            await asyncio.sleep(0.01)
        assert not any(task.done() for task in asking)
        made.may_load.set()
        assert await asyncio.gather(*asking) == ["hello"] * CLIENTS
        assert made.times == 1
        await made.server.stop()
        assert not made.is_listening()

    asyncio.run(work())


def test_one_that_nobody_asked_stops_without_being_loaded() -> None:
    async def work() -> None:
        made = Made()
        await made.server.start()
        await made.server.stop()
        await made.server.stop()
        assert (made.times, made.is_listening()) == (0, False)

    asyncio.run(work())


def test_one_that_is_being_loaded_stops_at_once() -> None:
    async def work() -> None:
        made = Made()
        made.may_load.clear()
        await made.server.start()
        with socket.create_connection(("127.0.0.1", made.port)):
            while made.times == 0:
                await asyncio.sleep(0.01)
            await asyncio.wait_for(made.server.stop(), 30)
        assert not made.is_listening()
        made.may_load.set()

    asyncio.run(work())


def test_one_that_cannot_be_loaded_refuses_its_clients(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        made = Made(failure=ImportError("no module named aiohttp"))
        await made.server.start()
        with pytest.raises(OSError, match=r"reset|refused"):
            await asyncio.to_thread(made.ask)
        assert not made.is_listening()
        await made.server.stop()

    asyncio.run(work())
    assert "an HTTP server's task failed" in caplog.text


def test_an_address_of_another_host_is_one_line() -> None:
    server = LateServer("192.0.2.1", 6784, web.AppRunner, when_taken="")  # type: ignore[arg-type]

    async def work() -> None:
        try:
            with pytest.raises(
                HostError, match=r"^can't listen on 192\.0\.2\.1:6784: Cannot assign requested address$"
            ):
                await server.start()
        finally:
            await server.stop()

    asyncio.run(work())
