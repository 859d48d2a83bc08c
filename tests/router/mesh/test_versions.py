"""Routers of different versions mesh: one that says more than we know, and one that says less."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import msgpack

from tests.router.mesh.loopback import Stranger, connected, member, node, until
from tests.router.mesh.worlds import hello, name
from weave_http.addresses import parse_ip
from weave_http.records import dataclass
from weave_http.router.mesh.fields import Fields
from weave_http.router.mesh.messages import Accept, Have, Kind, Message
from weave_http.router.mesh.neighbours import Neighbour, View
from weave_http.router.names.gossip import NameGossip
from weave_http.router.names.register import Name


@dataclass(frozen=True, slots=True)
class Weather(Message):
    """Of a topic that only some have."""

    text: str


class Forecast:
    """A topic of another version: all that a topic has to have."""

    name = "weather"
    kinds: Sequence[Kind] = (
        Kind(
            "weather", Weather, lambda fields, greatest: Weather(fields["text"]), lambda weather: {"text": weather.text}
        ),
    )

    def __init__(self) -> None:
        self.heard: list[str] = []
        self._told: set[Neighbour] = set()

    def met(self, neighbour: Neighbour) -> None:
        pass

    def parted(self, neighbour: Neighbour, now: float) -> None:
        self._told.discard(neighbour)

    def left(self, peer: str) -> None:
        pass

    def resend(self, neighbour: Neighbour) -> None:
        pass

    def hear(self, neighbour: Neighbour, message: Message, view: View, now: float) -> bool:
        assert isinstance(message, Weather)
        self.heard.append(message.text)
        return False

    def owes(self, neighbour: Neighbour) -> bool:
        return neighbour not in self._told

    def tell(self, neighbour: Neighbour, now: float) -> list[Message]:
        if neighbour in self._told:
            return []
        self._told.add(neighbour)
        return [Weather("rain")]

    def settle(self, view: View, now: float) -> float | None:
        return None


def _run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 60))


def _send(stranger: Stranger, kind: str, **fields: object) -> None:
    payload = msgpack.packb({"t": kind, **fields})
    stranger.writer.write(len(payload).to_bytes(4, "big") + payload)


def test_a_topic_is_told_to_those_that_have_it_and_to_no_one_else() -> None:
    async def test() -> None:
        here, there = Forecast(), Forecast()
        names = NameGossip(name(2), 1)
        async with (
            node(1, topics=[here]) as one,
            node(2, one.target, topics=[there, names]) as two,
            node(3, one.target, two.target) as three,
        ):
            await until(connected(one, two, three))
            await until(lambda: here.heard == there.heard == ["rain"])
            assert one.connections[name(2)].neighbour.features == {"weather", "names"}
            assert one.connections[name(3)].neighbour.features == {"names"}
            three.names.zone.own.say(Name("c.weave.local", parse_ip("10.2.1.1"), "x"), present=True)
            three.wake()
            await until(lambda: names.zone.having("c.weave.local", {name(3)}) == {parse_ip("10.2.1.1")})
            await until(lambda: len(one.membership.peers) == len(three.membership.peers) == 3)
            assert [it.terminations for it in (one, two, three)] == [0, 0, 0]

    _run(test())


def test_a_peer_that_says_more_is_understood_as_far_as_we_can() -> None:
    async def test() -> None:
        async with node(1) as one, await Stranger.meet(one) as later:
            later.writer.write(b"weave-http\x01\x09")
            link = [name(1), str(one.me.host), 6783, True]
            fact: Fields = {"name": name(2), "uid": 1, "version": 1, "nickname": "later", "port": 1, "links": [link]}
            said = hello(2)
            greeting = {"name": said.name, "nickname": "x", "uid": 1, "port": 1, "connection": 1}
            _send(later, "hello", **greeting, features=["names", "keys", "tea"], colour={"b": b"x"})
            _send(later, "accept", because="why not")
            _send(later, "have", topic="peers", stamps=[], more=1)
            _send(later, "have", topic="keys", stamps=[])
            _send(later, "keys", keys=[b"\x00" * 32])
            _send(later, "facts", peers=[{**fact, "colour": "red"}], more=[])
            await until(lambda: name(2) in one.connections)
            await until(lambda: (found := one.peer(2)) is not None and found.value.nickname == "later")
            connection = one.connections[name(2)]
            assert connection.neighbour.version == 1
            assert connection.neighbour.features == {"names", "keys", "tea"}
            assert connection.unknown == 2

    _run(test())


def test_a_peer_that_says_less_is_a_peer_nevertheless() -> None:
    async def test() -> None:
        async with node(1) as one, await Stranger.meet(one) as earlier:
            one.names.zone.own.say(Name("c.weave.local", parse_ip("10.2.1.1"), "x"), present=True)
            earlier.writer.write(b"weave-http\x01\x01")
            _send(earlier, "hello", name=name(2), nickname="x", uid=1, port=1, connection=1)
            _send(earlier, "accept")
            await until(lambda: name(2) in one.connections)
            assert one.connections[name(2)].neighbour.features == frozenset()
            _send(earlier, "have", topic="peers", stamps=[])
            _send(earlier, "have", topic="names", stamps=[])
            await earlier.reader.readexactly(12)
            heard = set()
            while "Facts" not in heard:
                message = await earlier.hear()
                heard.add(type(message).__name__)
                assert not isinstance(message, Have) or message.topic == "peers"
            assert "Names" not in heard

    _run(test())


def test_the_version_that_both_speak_is_kept_with_the_connection() -> None:
    async def test() -> None:
        async with node(1) as one, member(one, 2):
            assert one.connections[name(2)].neighbour.version == 1

    _run(test())


def test_one_that_speaks_no_common_version_is_told_so_in_words() -> None:
    async def test() -> None:
        async with node(1) as one, await Stranger.meet(one) as other:
            other.writer.write(b"weave-http\x07\x09")
            other.say(hello(2), Accept())
            assert await other.ends()
            assert not one.connections

    _run(test())
