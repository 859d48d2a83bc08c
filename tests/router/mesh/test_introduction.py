"""The greeting over a pair of sockets: who speaks when, and what ends it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.router.mesh.loopback import CODEC
from tests.router.mesh.worlds import address, hello
from weave_http.router.mesh.fields import Malformed
from weave_http.router.mesh.handshake import Refusal, Refused
from weave_http.router.mesh.introduction import exchange_verdicts, greet
from weave_http.router.mesh.loop_clock import LoopClock
from weave_http.router.mesh.messages import Accept, Ping, Refuse
from weave_http.router.mesh.wire import Closed, Wire


def _run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 30))


@asynccontextmanager
async def _pair() -> AsyncIterator[tuple[Wire, Wire]]:
    wires = []
    for end in socket.socketpair():
        reader, writer = await asyncio.open_connection(sock=end)
        wires.append(Wire(reader, writer, address(1), CODEC, LoopClock()))
    try:
        yield wires[0], wires[1]
    finally:
        for wire in wires:
            await wire.close()


async def _nobody_minds() -> None:
    pass


def test_both_learn_who_the_other_is_and_the_number_and_version_are_one() -> None:
    async def test() -> None:
        numbers: list[int] = []
        async with _pair() as (dialled, accepted):
            (theirs, version), (ours, same) = await asyncio.gather(
                greet(dialled, hello(1), outbound=True, begun=numbers.append),
                greet(accepted, hello(2, features=("names", "keys")), outbound=False, begun=numbers.append),
            )
            assert version == same == 1
            assert (theirs.name, ours.name) == (hello(2).name, hello(1).name)
            assert theirs.features == ("names", "keys")
            assert {theirs.connection, ours.connection} == set(numbers)
            await asyncio.gather(*(exchange_verdicts(wire, _nobody_minds) for wire in (dialled, accepted)))

    _run(test())


def test_a_refusal_is_told_with_its_reason() -> None:
    async def refuse() -> None:
        raise Refused(Refusal.LIMIT, "full")

    async def test() -> None:
        async with _pair() as (one, other):
            ours, theirs = await asyncio.gather(
                exchange_verdicts(one, refuse), exchange_verdicts(other, _nobody_minds), return_exceptions=True
            )
            for refused in (ours, theirs):
                assert isinstance(refused, Refused)
                assert (refused.code, refused.reason) == (Refusal.LIMIT, "full")

    _run(test())


def test_a_reason_of_a_later_version_is_a_refusal_that_does_not_last() -> None:
    async def test() -> None:
        async with _pair() as (one, other):
            await other.send([Refuse("a new one", "because")])
            with pytest.raises(Refused, match="because") as caught:
                await exchange_verdicts(one, _nobody_minds)
            assert caught.value.code is Refusal.OTHER
            assert not caught.value.code.lasting

    _run(test())


def test_anything_else_in_place_of_a_hello_or_a_verdict_is_malformed() -> None:
    async def test() -> None:
        async with _pair() as (one, other):
            await other.send([Ping()])
            with pytest.raises(Malformed, match="without a verdict"):
                await exchange_verdicts(one, _nobody_minds)
        async with _pair() as (one, other):
            other._writer.write(b"weave-http\x01\x01")
            await other.send([Accept()])
            with pytest.raises(Malformed, match="without a hello"):
                await greet(one, hello(1), outbound=True, begun=lambda _: None)

    _run(test())


def test_an_answer_with_another_number_is_malformed_and_an_end_is_one() -> None:
    async def test() -> None:
        async with _pair() as (one, other):
            other._writer.write(b"weave-http\x01\x01")
            await other.send([hello(2, connection=7)])
            with pytest.raises(Malformed, match="without a hello"):
                await greet(one, hello(1), outbound=True, begun=lambda _: None)
        async with _pair() as (one, other):
            await other.close()
            with pytest.raises(Closed):
                await greet(one, hello(1), outbound=False, begun=lambda _: None)

    _run(test())
