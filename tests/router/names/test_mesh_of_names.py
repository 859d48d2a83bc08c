"""Names over real connections, on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from time import monotonic
from typing import Any

import pytest

from tests.router.mesh.loopback import Node, connected, node, until
from weave_http.addresses import parse_ip
from weave_http.router.mesh.codec import Codec
from weave_http.router.mesh.messages import Message
from weave_http.router.names.register import Name


def _run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 60))


def _say(it: Node, *names: Name, present: bool = True) -> None:
    for each in names:
        it.names.zone.own.say(each, present=present)
    it.wake()


def _known(it: Node) -> list[str]:
    return sorted(entry.name.hostname for entry in it.names.entries(monotonic()))


def given(text: str) -> Name:
    return Name(f"{text}.weave.local", parse_ip("10.2.1.1"), "weave:extern")


def test_names_come_from_peers_that_were_there_before_and_go_when_taken_away() -> None:
    async def test() -> None:
        async with node(1) as one:
            _say(one, given("a"))
            async with node(2, one.target) as two, node(3, two.target) as three:
                _say(three, given("c"))
                everyone = ["a.weave.local", "c.weave.local"]
                await until(lambda: all(_known(it) == everyone for it in (one, two, three)))
                _say(one, given("a"), present=False)
                await until(lambda: all(_known(it) == ["c.weave.local"] for it in (one, two, three)))

    _run(test())


def test_a_peer_that_comes_back_in_a_new_life_has_its_new_names_alone() -> None:
    async def test() -> None:
        async with node(1) as one:
            async with node(2, one.target, uid=1) as two:
                _say(two, given("old"), given("kept"))
                await until(lambda: len(_known(one)) == 2)
            async with node(2, one.target, uid=2) as two:
                _say(two, given("kept"))
                await until(lambda: _known(one) == ["kept.weave.local"])

    _run(test())


def test_one_change_among_thousands_of_names_sends_a_few_hundred_bytes() -> None:
    async def test() -> None:
        sent = 0

        def counted(self: Codec, message: Message) -> bytes:
            nonlocal sent
            data = encode(self, message)
            sent += len(data)
            return data

        encode = Codec.encode
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Codec, "encode", counted)
            async with node(1) as one, node(2, one.target) as two, node(3, one.target) as three:
                await until(lambda: connected(one, two)() and connected(one, three)())
                _say(one, *(given(f"n{number}") for number in range(5000)))
                await until(lambda: len(_known(two)) == len(_known(three)) == 5000)
                before = sent
                _say(one, given("one-more"))
                began = monotonic()
                await until(lambda: len(_known(two)) == len(_known(three)) == 5001)
                print(f"known to two peers after {(monotonic() - began) * 1000:.0f} ms, {sent - before} bytes")
                assert sent - before < 2000

    _run(test())


def test_names_travel_through_a_peer_and_stay_a_moment_when_it_is_lost() -> None:
    async def test() -> None:
        async with node(1) as one, node(2, one.target) as two, node(3, two.target) as three:
            _say(one, given("far"))
            await until(lambda: _known(three) == ["far.weave.local"])
            assert one.me.name not in three.connections
            await two.stop()
            await until(lambda: not three.connections)
            assert _known(three) == ["far.weave.local"]

    _run(test())


def test_who_says_goodbye_takes_its_names_along() -> None:
    async def test() -> None:
        async with node(1) as one, node(2, one.target) as two:
            _say(two, given("b"))
            await until(lambda: _known(one) == ["b.weave.local"])
            await two.leave()
            await until(lambda: _known(one) == [])

    _run(test())
