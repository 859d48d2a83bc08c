"""Who reaches the port can join, but not displace anybody, nor leave anything behind."""

from __future__ import annotations

import asyncio
import gc
import logging
import tracemalloc
from collections.abc import Coroutine
from time import monotonic, time
from typing import Any

import pytest

from tests.router.mesh.loopback import Node, Stranger, connected, ip, member, node, until
from tests.router.mesh.worlds import address, hello, name, said
from weave_http.addresses import parse_ip
from weave_http.router.mesh import accepting, codec, heartbeats, sources, targets, topology, wire
from weave_http.router.mesh.facts import Fact, Stamp
from weave_http.router.mesh.identity import Self
from weave_http.router.mesh.messages import Accept, Answer, Ask, Have, Ping, Pong, Refuse
from weave_http.router.mesh.peering import Peering
from weave_http.router.mesh.topology import Address, Link, PeerFact, PeerInfo
from weave_http.router.names.packing import Names
from weave_http.router.names.register import Change, Name, Update


def _run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 60))


def _fact(number: int, *links: Link, uid: int = 1) -> PeerFact:
    return Fact(name(number), Stamp(uid, 1), PeerInfo(f"host{number}", 6783, tuple(sorted(links))))


def _to_one(number: int) -> Link:
    return Link(name(1), Address(ip(1), 6783), True)


@pytest.mark.parametrize("number", [0, 1, 98])
def test_a_stranger_with_a_living_peers_name_uid_and_a_low_number_is_refused(number: int) -> None:
    async def test() -> None:
        async with node(1) as one, node(2, one.target) as two:
            await until(connected(one, two))
            before = one.connections[name(2)]
            async with await Stranger.meet(one) as thief:
                await thief.greet(hello(2, connection=number))
                thief.say(Accept())
                verdict = await thief.hear()
                assert isinstance(verdict, Refuse)
                assert verdict.code == "duplicate"
            assert one.connections[name(2)] is before
            assert one.terminations == two.terminations == 0
            assert one.heard == ["up 02 2"]

    _run(test())


def test_a_thief_that_accepts_after_the_honest_one_came_is_refused() -> None:
    async def test() -> None:
        async with node(1) as one, await Stranger.meet(one) as thief:
            await thief.greet(hello(2, connection=0))
            assert await thief.hear() == Accept()
            async with node(2, one.target) as two:
                await until(lambda: any(two.errors))  # the thief is taken for a better connection, for a moment
                two.connect([one.target])
                await asyncio.sleep(0.1)
                thief.say(Accept())
                await until(lambda: name(2) in one.connections)

    _run(test())


def test_a_peer_confirms_only_the_connections_that_it_dialled_itself() -> None:
    async def test() -> None:
        async with node(1) as one, member(one, 2) as peer, await Stranger.meet(one) as other:
            await other.greet(hello(3, connection=77))
            peer.say(Ask(77, True), Ask(77, False), Ask(5, True))
            answers: list[Answer] = []
            while len(answers) < 3:
                message = await peer.hear()
                answers += [message] if isinstance(message, Answer) else []
            assert set(answers) == {Answer(77, True), Answer(77, False), Answer(5, False)}

    _run(test())


def test_a_squatted_name_is_taken_back_by_its_owner_without_anybodys_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weave_http.router.mesh.backoff.LASTING_MEAN", 0.4)

    async def test() -> None:
        async with node(1) as one, member(one, 2, uid=int(time() * 1e6)) as squatter:
            squatter.say(said([_fact(2, _to_one(2), uid=int((time() + 80_000) * 1e6))]))
            pulse = asyncio.create_task(_answer_pings(squatter))
            async with node(2, one.target, uid=5, nickname="honest") as two:
                await until(lambda: any("have the same peer name" in error for error in two.errors))
                assert name(2) in one.connections
                pulse.cancel()
                squatter.writer.transport.abort()
                await until(connected(one, two))
                await until(lambda: (fact := one.peer(2)) is not None and fact.value.nickname == "honest")

    async def _answer_pings(stranger: Stranger) -> None:
        while True:
            if await stranger.hear() == Ping():
                stranger.say(Pong())

    _run(test())


def test_a_peer_that_hears_much_and_says_little_pings_nevertheless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeats, "HEARTBEAT", 0.1)
    monkeypatch.setattr(heartbeats, "_MOST_PAUSE", 0.05)
    monkeypatch.setattr(heartbeats, "LINK_TIMEOUT", 0.02)
    monkeypatch.setattr(heartbeats, "DEAD_AFTER", 0.5)

    async def test() -> None:
        async with node(1) as one, node(2, one.target) as two:
            await until(connected(one, two))
            began = monotonic()
            number = 0
            while monotonic() - began < 1.5:
                number += 1
                one.names.zone.own.say(
                    Name(f"c{number}.weave.local", parse_ip("10.2.1.1"), "weave:extern"), present=True
                )
                one.wake()
                await asyncio.sleep(0.02)
            assert one.terminations == two.terminations == 0

    _run(test())


def test_a_peer_on_this_very_host_is_refused() -> None:
    async def test() -> None:
        me = Self(name(1), "host1", 1, ip(1), 6783, 200, discovery=True)
        it = Peering(me, lambda: None)
        it.listen()
        it.start()
        try:
            async with node(2, str(Address(me.host, me.port))) as two:
                await until(lambda: any(two.errors))
                assert two.errors[0] == f"{ip(2)} is this host's own address: a peer is another host"
                assert not it.connections
        finally:
            await it.stop()

    _run(test())


def test_one_who_says_much_of_others_leaves_no_memory_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "KEEP_WITHDRAWN", 0.3)
    monkeypatch.setattr(sources, "_REMEMBER_RETURNS", 0.5)
    monkeypatch.setattr(topology, "FORGET_AFTER", 0.3)
    monkeypatch.setattr(topology, "_is_dialable", lambda ip: False)  # dialling in vain is limited elsewhere

    async def attack(one: Node, round_: int) -> None:
        links = tuple(sorted(Link(name(10 + each), address(each % 250 + 1), False) for each in range(300)))
        async with member(one, 2, uid=round_) as liar:
            liar.say(said([_fact(2, _to_one(2), *links, uid=round_)]))
            for number in range(10, 110):
                liar.say(said([_fact(number + 300 * round_, *links)]))
                change = Change(1, Name("x.weave.local", parse_ip(f"10.2.0.{number % 250}"), "x"), True)
                liar.say(Names(Update(name(number + 300 * round_), Stamp(1, 1), 0, (change,))))
                liar.say(Have("names", ((name(number), Stamp(1, 1)),)), Have("peers", ((name(number), Stamp(1, 1)),)))
                await liar.writer.drain()
            await until(lambda: len(one.membership.topology) > 10)

    async def test() -> None:
        async with node(1) as one, node(100, one.target) as good:
            await until(connected(one, good))
            sizes = []
            for round_ in range(1, 4):
                await attack(one, round_)
                await until(lambda: one.membership.topology.owners == {name(1), name(100)}, within=20)
                await until(lambda: not one.membership.sources._returns and not one.names.sources._returns)
                await until(lambda: len(one._tasks) <= 7 and not any(target.dialling for target in one.targets))
                gc.collect()
                sizes.append(tracemalloc.get_traced_memory()[0])
            assert sizes[-1] - sizes[0] < 1_000_000, sizes
            assert one.names.origins == {name(1), name(100)}
            assert good.terminations == 0

    tracemalloc.start()
    try:
        _run(test())
    finally:
        tracemalloc.stop()


def test_a_crowd_of_made_up_addresses_is_dialled_slowly_and_with_few_lines(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(targets, "LEARNT_BURST", 10)
    monkeypatch.setattr(topology, "_is_dialable", lambda ip: True)

    async def test() -> None:
        async with node(1) as one, member(one, 2) as liar:
            crowd = tuple(Link(name(10 + each), Address(ip(9), 10_000 + each), True) for each in range(3000))
            liar.say(said([_fact(2, _to_one(2), *crowd)]))
            await until(lambda: len(list(one.targets)) > 100)
            assert len(list(one.targets)) <= targets.MOST_LEARNT
            await asyncio.sleep(2.0)
            assert sum(target.attempts for target in one.targets) <= 200

    with caplog.at_level(logging.INFO):
        _run(test())
    assert sum("connection refused" in record.message for record in caplog.records) <= 21


def test_from_one_address_few_handshakes_are_under_way_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepting, "MOST_FROM_ONE", 3)

    async def test() -> None:
        async with node(1) as one:
            idle = [await Stranger.meet(one) for _ in range(5)]
            assert [await stranger.ends(0.3) for stranger in idle].count(True) == 2
            async with node(2, one.target) as two:
                await until(connected(one, two))
            for stranger in idle:
                async with stranger:
                    pass
            async with member(one, 3):
                pass

    _run(test())


def test_who_waits_for_a_handshake_gets_it_when_others_have_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepting, "MOST_HANDSHAKES", 2)

    async def test() -> None:
        async with node(1) as one:
            idle = [await Stranger.meet(one) for _ in range(2)]
            await asyncio.sleep(0.1)
            async with node(2, one.target) as two:
                await asyncio.sleep(0.3)
                assert not one.connections
                for stranger in idle:
                    async with stranger:
                        pass
                await until(connected(one, two))

    _run(test())


def test_a_stamp_from_a_far_future_costs_the_connection_and_changes_nothing() -> None:
    async def test() -> None:
        async with node(1) as one, node(2, one.target) as two:
            await until(connected(one, two))
            for uid in (2**63 - 1, 2**63 - 2, 2**62 + 5):
                for message in (
                    said([_fact(1, uid=uid)]),
                    Have("peers", ((name(1), Stamp(uid, 1)),)),
                    Have("names", ((name(1), Stamp(uid, 1)),)),
                    Names(Update(name(2), Stamp(uid, 1), 0, ())),
                ):
                    async with member(one, 3) as liar:
                        liar.say(message)
                        assert await liar.ends()
                    await until(lambda: name(3) not in one.connections)
            assert one.membership.topology.own.stamp.uid == one.names.zone.own.stamp.uid == 1
            assert one.connections[name(2)].up_for(monotonic()) > 0

    _run(test())


def test_a_frame_in_a_greeting_is_short_and_of_a_known_kind() -> None:
    async def test() -> None:
        async with node(1) as one:
            for frame in (b"\x00\x00\x00\x09\x81\xa1t\xa5shout", (codec.HANDSHAKE_LIMIT + 1).to_bytes(4, "big")):
                async with await Stranger.meet(one) as stranger:
                    stranger.writer.write(codec.prelude() + frame)
                    assert await stranger.ends()

    _run(test())


def test_a_peer_that_lags_is_given_the_time_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ends share a loop that is held up: what counts is how often it came round."""
    monkeypatch.setattr(wire, "DEAD_AFTER", 1.0)
    monkeypatch.setattr("weave_http.router.mesh.meeting.HANDSHAKE_TIMEOUT", 1.5)

    async def test() -> None:
        async with node(1) as one, node(2, one.target) as two:

            async def hold_up() -> None:
                while True:
                    held = monotonic()
                    while monotonic() - held < 0.6:
                        pass
                    await asyncio.sleep(0)

            busy = asyncio.create_task(hold_up())
            await until(connected(one, two), within=40)
            busy.cancel()
            assert not any(two.errors)

    _run(test())
