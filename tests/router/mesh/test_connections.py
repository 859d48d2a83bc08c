"""Heartbeats, questions and ends, between two connections over a pair of sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.router.mesh.loopback import CODEC
from tests.router.mesh.worlds import address, hello
from weave_http.router.mesh import heartbeats
from weave_http.router.mesh.connections import Connection
from weave_http.router.mesh.heartbeats import Heartbeats
from weave_http.router.mesh.loop_clock import LoopClock
from weave_http.router.mesh.messages import Have, Message
from weave_http.router.mesh.wire import Wire


def _run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 30))


class End:
    """One end, with what it heard and has to say."""

    def __init__(self, wire: Wire, number: int, beats: Heartbeats) -> None:
        self.heard: list[Message] = []
        self.says: list[Message] = []
        self.connection = Connection(
            wire,
            outbound=number == 1,
            hello=hello(3 - number),
            version=1,
            gossip=self._gossip,
            is_ours=lambda number, outbound: number == 7 and outbound,
        )
        self._beats = beats
        self.running = asyncio.create_task(self._run())

    async def _run(self) -> str:
        with self._beats.of(self.connection.pulse):
            return await self.connection.run(self.heard.append)

    def _gossip(self, _: Connection) -> list[Message]:
        said, self.says = self.says, []
        return said


@asynccontextmanager
async def _ends() -> AsyncIterator[tuple[End, End]]:
    ends, wires = [], []
    clock, beats = LoopClock(), Heartbeats()
    ticking = [asyncio.create_task(work) for work in (clock.run(), beats.run())]
    for number, sock in enumerate(socket.socketpair(), start=1):
        reader, writer = await asyncio.open_connection(sock=sock)
        wires.append(Wire(reader, writer, address(number), CODEC, clock))
        ends.append(End(wires[-1], number, beats))
    try:
        yield ends[0], ends[1]
    finally:
        for end, wire in zip(ends, wires, strict=True):
            end.connection.end("the test is over")
            await end.running
            await wire.close()
        for task in ticking:
            task.cancel()


def test_what_is_to_say_is_said_when_it_is_woken() -> None:
    async def test() -> None:
        async with _ends() as (one, other):
            one.says = [Have("names", ())]
            one.connection.wake()
            while not other.heard:
                await asyncio.sleep(0.01)
            assert other.heard == [Have("names", ())]

    _run(test())


def test_a_living_peer_gives_a_sign_and_an_ended_one_none() -> None:
    async def test() -> None:
        async with _ends() as (one, other):
            assert await one.connection.alive()
            other.connection.end("enough")
            assert not await other.connection.alive()

    _run(test())


def test_a_peer_confirms_what_is_its_own() -> None:
    async def test() -> None:
        async with _ends() as (one, _):
            assert await one.connection.confirms(7, outbound=False)
            assert not await one.connection.confirms(7, outbound=True), "we can't both have dialled it"
            assert not await one.connection.confirms(8, outbound=False)
            assert not one.connection._answers

    _run(test())


def test_both_ping_by_their_own_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeats, "HEARTBEAT", 0.2)
    monkeypatch.setattr(heartbeats, "DEAD_AFTER", 1.5)

    async def test() -> None:
        async with _ends() as (one, other):
            await asyncio.sleep(3)
            assert not one.running.done()
            assert not other.running.done()

    _run(test())


def test_a_goodbye_is_heard_as_such_and_the_first_reason_counts() -> None:
    async def test() -> None:
        async with _ends() as (one, other):
            await one.connection.say_goodbye()
            assert await other.running == "said goodbye"
            assert other.connection.goodbye
            one.connection.end("again")
            assert await one.running == "we left"

    _run(test())
