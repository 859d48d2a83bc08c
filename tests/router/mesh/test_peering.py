from __future__ import annotations

import asyncio
import gc
import logging
import random
import tracemalloc
from collections.abc import Coroutine
from time import monotonic, time
from typing import Any

import pytest

from tests.descriptors import descriptors
from tests.router.mesh.loopback import CODEC, Node, Stranger, connected, ip, member, node, numbers, until
from tests.router.mesh.worlds import address, hello, name, said
from weave_http.addresses import PeerAddress
from weave_http.errors import HostError
from weave_http.records import replace
from weave_http.router.mesh import (
    accepting,
    bucket,
    codec,
    connections,
    dialling,
    heartbeats,
    meeting,
    membership,
    targets,
    wire,
)
from weave_http.router.mesh.facts import Fact, Stamp
from weave_http.router.mesh.messages import Accept, Goodbye, Have, Ping, Pong, Refuse
from weave_http.router.mesh.topology import Address, Link, PeerFact, PeerInfo


def _run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 150))


def _fact(number: int, *links: Link, uid: int = 1, version: int = 1, nickname: str = "") -> PeerFact:
    return Fact(name(number), Stamp(uid, version), PeerInfo(nickname or f"host{number}", 6783, links))


def _retried_in(it: Node) -> float:
    """In how many seconds a node dials next."""
    at = it.targets.next_at([], it.now())
    assert at is not None
    return at - it.now()


def test_two_find_each_other_and_say_so() -> None:
    async def test() -> None:
        async with node(1) as one, node(2, one.target) as two:
            await until(connected(one, two))
            await until(lambda: len(one.membership.peers) == len(two.membership.peers) == 2)
            assert (one.heard, two.heard) == (["up 02 2"], ["up 01 1"])
            (link,) = two.membership.topology.own.value.links
            assert link == Link(name(1), Address(ip(1), 6783), True)
        assert one.heard == ["up 02 2", "lost 02"]

    _run(test())


def test_facts_travel_through_a_peer_in_the_middle() -> None:
    async def test() -> None:
        async with node(1) as one, node(2, one.target) as two, node(3, two.target) as three:
            await until(lambda: len(one.membership.peers) == len(three.membership.peers) == 3)
            await two.stop()
            await until(lambda: len(one.membership.peers) == len(three.membership.peers) == 1)

    _run(test())


@pytest.mark.parametrize("attempt", range(50))
def test_when_both_dial_at_once_exactly_one_connection_survives(attempt: int) -> None:
    async def test() -> None:
        async with node(1) as one, node(2) as two:
            one.connect([two.target])
            await asyncio.sleep(random.Random(attempt).random() * 0.004)
            two.connect([one.target])
            await until(connected(one, two))
            await until(lambda: not any(target.dialling for target in (*one.targets, *two.targets)))
            await until(lambda: not one._table.meeting and not two._table.meeting)
            (mine,), (theirs,) = numbers([one, two])
            assert mine == theirs
            assert one.terminations == two.terminations == 0

    _run(test())


def test_a_mesh_in_which_all_dial_all_at_once_ends_with_one_connection_a_pair() -> None:
    async def test() -> None:
        async with node(1) as a, node(2) as b, node(3) as c, node(4) as d:
            nodes = [a, b, c, d]
            for it in nodes:
                it.connect([other.target for other in nodes])
            await until(connected(*nodes))
            await asyncio.sleep(0.1)
            found = numbers(nodes)
            assert all(len(one & other) == 1 for one in found for other in found if one is not other)

    _run(test())


def test_oneself_as_a_target_is_noticed_and_left_alone() -> None:
    async def test() -> None:
        async with node(1) as one:
            one.connect([one.target])
            await until(lambda: one.errors == ["cannot connect to ourself"])
            assert 55 < _retried_in(one) < 185
            assert one.connections == {}

    _run(test())


def test_a_host_of_the_same_name_is_refused_by_a_sentence_and_tried_again_slowly() -> None:
    async def test() -> None:
        async with node(1, nickname="one", uid=1) as one, node(1, nickname="clone", uid=2, place=9) as clone:
            clone.connect([one.target])
            await until(lambda: any(clone.errors))
            assert "have the same peer name" in clone.errors[0]
            assert name(1) in clone.errors[0]
            assert "'weave reset' on it and launch it again" in clone.errors[0]
            await until(lambda: "one and clone have the same" in one.name_clash or "clone and one" in one.name_clash)
            assert clone.name_clash in clone.errors
            assert 55 < _retried_in(clone) < 185

    _run(test())


def test_a_clone_of_a_connected_peer_is_refused_while_that_one_lives() -> None:
    async def test() -> None:
        async with node(1) as one, node(2, one.target) as two:
            await until(connected(one, two))
            async with node(2, one.target, nickname="clone", uid=2, place=9) as clone:
                await until(lambda: any(clone.errors))
                assert clone.errors[0].startswith(f"clone and host2 have the same peer name: {name(2)};")
                assert 55 < _retried_in(clone) < 185
                assert clone.name_clash in clone.errors
                assert "clone and host2" in one.name_clash
            assert list(one.connections) == [name(2)]
            assert one.terminations == 0

    _run(test())


def test_beyond_the_limit_one_is_refused_by_a_sentence_and_tries_again() -> None:
    async def test() -> None:
        async with node(1, limit=1) as one, node(2, one.target), node(3) as three:
            await until(lambda: name(2) in one.connections)
            three.connect([one.target])
            await until(lambda: three.errors == ["host1 has reached its connection limit of 1"])
            assert _retried_in(three) < 5

    _run(test())


def test_a_router_of_another_version_is_refused_on_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with node(1) as one, await Stranger.meet(one) as stranger:
            stranger.writer.write(codec.prelude((7, 9)))
            stranger.say(hello(2))
            assert await stranger.ends()
            assert one.connections == {}

    _run(test())


def test_a_peer_that_lost_power_is_replaced_by_its_next_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "PULSE_TIMEOUT", 0.2)

    async def test() -> None:
        async with node(1) as one, member(one, 2, connection=1), member(one, 2, uid=2, connection=99) as second:
            assert [connection.hello.uid for connection in one.connections.values()] == [2]
            assert one.heard == ["up 02 200", "lost 02", "up 02 200"]
            second.say(said((_fact(2, uid=2),)))
            await until(lambda: (fact := one.peer(2)) is not None and fact.stamp.uid == 2)

    _run(test())


def test_a_corpse_of_the_same_process_makes_room_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "PULSE_TIMEOUT", 0.2)

    async def test() -> None:
        async with node(1) as one, member(one, 2, connection=1), member(one, 2, connection=99):
            await until(lambda: [connection.number for connection in one.connections.values()] == [99])

    _run(test())


def test_a_living_connection_is_not_given_up_for_a_second_one() -> None:
    async def test() -> None:
        async with node(1) as one, member(one, 2, connection=1) as first, await Stranger.meet(one) as second:
            joining = asyncio.create_task(second.join(hello(2, connection=99)))
            while await first.hear() != Ping():
                pass
            first.say(Pong())
            verdict = await joining
            assert verdict == Refuse("duplicate", f"multiple connections to {name(2)}(host2)")
            assert [connection.number for connection in one.connections.values()] == [1]

    _run(test())


def test_heartbeats_keep_a_quiet_connection_and_silence_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeats, "HEARTBEAT", 0.05)
    monkeypatch.setattr(heartbeats, "_MOST_PAUSE", 0.05)
    monkeypatch.setattr(heartbeats, "LINK_TIMEOUT", 0.02)
    monkeypatch.setattr(heartbeats, "DEAD_AFTER", 0.3)

    async def test() -> None:
        async with node(1) as one, node(2, one.target) as two:
            await until(connected(one, two))
            await asyncio.sleep(0.6)
            assert one.terminations == two.terminations == 0
            began = monotonic()
            async with member(one, 3) as silent:
                assert await silent.ends()
                await until(lambda: "lost 03" in one.heard)
                assert 0.25 < monotonic() - began < 1.5

    _run(test())


def test_a_goodbye_is_heard_as_one() -> None:
    async def test() -> None:
        async with node(1) as one, node(2, one.target) as two, member(one, 3) as three:
            await until(connected(one, two))
            await two.leave()
            three.say(Goodbye())
            await until(lambda: one.connections == {})
            assert {"goodbye 02", "goodbye 03"} <= set(one.heard)

    _run(test())


def test_a_lost_peer_is_dialled_again_and_comes_back_with_its_new_facts() -> None:
    async def test() -> None:
        async with node(1) as one:
            async with node(2, one.target, uid=1, nickname="old") as two:
                await until(connected(one, two))
                one.connect([two.target])
            await until(lambda: one.connections == {})
            assert one.errors[0] in {"closed by the other side", "connection reset by peer"}
            async with node(2, uid=2, nickname="new") as two:
                one.connect([two.target])
                await until(connected(one, two), within=2.0)
                await until(lambda: (fact := one.peer(2)) is not None and fact.value.nickname == "new")

    _run(test())


def test_a_peer_that_comes_back_with_a_slow_clock_is_believed_nevertheless() -> None:
    async def test() -> None:
        async with node(1) as one:
            async with node(2, one.target, uid=5, nickname="old") as two:
                await until(lambda: one.peer(2) is not None and len(two.membership.peers) == 2)
            async with node(2, one.target, uid=1, nickname="new") as two:
                await until(lambda: (fact := one.peer(2)) is not None and fact.value.nickname == "new", within=1.0)
                assert two.membership.topology.own.stamp.uid in (1, 6)

    _run(test())


def test_names_are_resolved_at_each_dial(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        places = [9, 2]

        async def resolve(peer: PeerAddress, port: int) -> list[Address]:
            return [Address(ip(places.pop(0)), port)]

        monkeypatch.setattr(dialling, "resolve", resolve)
        async with node(1) as one, node(2) as two:
            one.connect(["two"])
            await until(lambda: one.errors[0].startswith("connection refused: no router listens on TCP port 6783"))
            one.connect(["two"])
            await until(connected(one, two))

    _run(test())


def test_a_name_that_does_not_resolve_is_a_sentence_and_a_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async def resolve(peer: PeerAddress, port: int) -> list[Address]:
            raise HostError(f"{peer.host} does not resolve")

        monkeypatch.setattr(dialling, "resolve", resolve)
        async with node(1, "nowhere") as one:
            await until(lambda: one.errors == ["nowhere does not resolve"])
            assert _retried_in(one) < 5

    _run(test())


def test_a_second_target_for_a_connected_peer_makes_no_second_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async def resolve(peer: PeerAddress, port: int) -> list[Address]:
            return [Address(ip(1 if peer.host == "one" else 2), port)]

        monkeypatch.setattr(dialling, "resolve", resolve)
        async with node(1) as one, node(2, "one") as two:
            await until(connected(one, two))
            before = numbers([one, two])
            one.connect(["two", "two.example"])
            await until(lambda: all(target.peer == name(2) for target in one.targets))
            assert numbers([one, two]) == before

    _run(test())


def test_a_taken_port_is_one_line() -> None:
    async def test() -> None:
        async with node(1) as it:
            again = Node(replace(it.me, name=name(2)))
            with pytest.raises(HostError, match="TCP port 6783 is taken on this host"):
                again.listen()

    _run(test())


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"weave\x01\x02",
        codec.prelude() + b"\x00\x01\x00\x01",
        codec.prelude() + b"\xff\xff\xff\xff",
        codec.prelude() + b"\x00\x00\x00\x00",
        codec.prelude() + CODEC.encode(Ping()),
        codec.prelude() + CODEC.encode(hello(2)) + CODEC.encode(Ping()),
        codec.prelude() + CODEC.encode(hello(2)) + CODEC.encode(Refuse("no such reason", "because")),
        b"",
    ],
)
def test_a_bad_handshake_costs_its_connection_and_one_line(said: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        async with node(1) as one, await Stranger.meet(one) as stranger:
            stranger.writer.write(said)
            if not said:
                stranger.writer.write_eof()
            assert await stranger.ends()
            assert one.connections == {}
            await until(lambda: len(caplog.records) > 0)
            await until(lambda: not one._table.meeting)

    with caplog.at_level(logging.INFO):
        _run(test())
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    "said",
    [
        b"\x00\x40\x00\x01",
        b"\x00\x00\x00\x05hello",
        CODEC.encode(hello(2)),
        CODEC.encode(Accept()),
    ],
)
def test_a_peer_that_turns_bad_costs_its_connection_only(said: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        async with node(1) as one, node(3, one.target) as three, member(one, 2) as bad:
            await until(connected(one, three))
            bad.writer.write(said)
            assert await bad.ends()
            await until(lambda: list(one.connections) == [name(3)])
            assert one.terminations == 1

    _run(test())
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_slow_handshake_ends_in_time_however_it_trickles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meeting, "HANDSHAKE_TIMEOUT", 0.4)

    async def test() -> None:
        async with node(1) as one, await Stranger.meet(one) as silent, await Stranger.meet(one) as trickling:
            began = monotonic()
            drops = asyncio.create_task(_trickle(trickling, codec.prelude() + CODEC.encode(hello(2))))
            assert await silent.ends()
            assert await trickling.ends()
            assert monotonic() - began < 1.5
            drops.cancel()

    async def _trickle(stranger: Stranger, data: bytes) -> None:
        for byte in data:
            stranger.writer.write(bytes([byte]))
            await asyncio.sleep(0.05)

    _run(test())


def test_a_thousand_bad_peers_do_no_harm(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(accepting, "TokenBucket", lambda *_: bucket.TokenBucket(1000, 0.0001))
    monkeypatch.setattr(meeting, "HANDSHAKE_TIMEOUT", 0.5)
    chance = random.Random(1)

    def nonsense() -> bytes:
        kind = chance.randrange(5)
        noise = chance.randbytes(chance.choice([0, 1, 11, 12, 40, 3000]))
        good = codec.prelude() + CODEC.encode(hello(chance.randrange(2, 9), connection=chance.getrandbits(60)))
        match kind:
            case 0:
                return noise
            case 1:
                return codec.prelude() + noise
            case 2:
                return good + noise
            case 3:
                return good[: chance.randrange(len(good))]
            case _:
                return good + CODEC.encode(Accept()) + len(noise).to_bytes(4, "big") + noise

    async def bad_peer(one: Node) -> None:
        async with await Stranger.meet(one) as stranger:
            stranger.writer.write(nonsense())
            if chance.random() < 0.5:
                await stranger.ends(0.05)
            else:
                await asyncio.sleep(0)

    async def test() -> None:
        async with node(100) as one, node(101, one.target) as good:
            await until(connected(one, good))
            sizes = []
            for _ in range(5):
                for _ in range(10):
                    await asyncio.gather(*(bad_peer(one) for _ in range(20)))
                await until(lambda: len(one._tasks) <= 7, within=5.0)
                gc.collect()
                caplog.clear()
                sizes.append(tracemalloc.get_traced_memory()[0])
            assert list(one.connections) == [name(101)]
            assert good.terminations == 0
            assert sizes[-1] - sizes[1] < 100_000, sizes
            assert len(one.membership.topology) < 20

    before = descriptors()
    tracemalloc.start()
    try:
        _run(test())
    finally:
        tracemalloc.stop()
    assert descriptors() <= before
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_peer_that_asks_much_and_takes_nothing_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "DEAD_AFTER", 0.5)

    async def test() -> None:
        async with node(1) as one, member(one, 3) as crowd, member(one, 2) as greedy:
            _be_a_crowd(crowd)
            await until(lambda: len(one.membership.peers) > 900)
            greedy.reader._transport.pause_reading()  # type: ignore[attr-defined]
            connection = one.connections[name(2)]
            flood = asyncio.create_task(_flood(greedy))
            buffered = 0
            while name(2) in one.connections:
                buffered = max(buffered, connection.wire._writer.transport.get_write_buffer_size())
                greedy.say(Have("peers", tuple((name(number), Stamp(0, 0)) for number in range(10, 1000))))
                await asyncio.sleep(0.01)
            flood.cancel()
            assert 0 < buffered < 500_000
            assert not connection._wants - {Ping(), Pong()}

    async def _flood(stranger: Stranger) -> None:
        while True:
            stranger.say(*[Ping()] * 100)
            await asyncio.sleep(0.001)

    _run(test())


def _be_a_crowd(stranger: Stranger) -> None:
    """Peer 3 says that it is connected to a thousand others, and what they say."""
    links = [Link(name(number), address(1), False) for number in range(10, 1000)]
    mine = PeerInfo("crowd", 6783, tuple(sorted([*links, Link(name(1), Address(ip(1), 6783), True)])))
    stranger.say(said((Fact(name(3), Stamp(1, 1), mine),)))
    for number in range(10, 1000, 10):
        stranger.say(said(tuple(_fact(each, Link(name(3), address(3), True)) for each in range(number, number + 10))))


def test_lies_about_a_connected_peer_and_about_ourselves_are_ignored() -> None:
    async def test() -> None:
        async with node(1) as one, node(2, one.target) as two, member(one, 3) as liar:
            await until(connected(one, two))
            await until(lambda: one.peer(2) is not None)
            lie = PeerInfo("lie", 1, (Link(name(9), address(9), True),))
            later = int(time() * 1e6) + 10**9
            liar.say(
                said(
                    (
                        Fact(name(2), Stamp(later, 1), lie),
                        Fact(name(1), Stamp(later, 1), lie),
                        _fact(3, Link(name(1), Address(ip(1), 6783), True)),
                    )
                )
            )
            await until(lambda: one.peer(3) is not None)
            known = one.peer(2)
            assert known is not None
            assert known.value.nickname == "host2"
            assert one.membership.topology.own.value.nickname == "host1"
            assert one.membership.topology.own.stamp > Stamp(later, 1)
            await until(lambda: (fact := two.peer(1)) is not None and fact.stamp.uid == later + 1)
            fact = two.peer(1)
            assert fact is not None
            assert fact.value.nickname == "host1"

    _run(test())


def test_two_that_shout_at_each_other_about_one_name_do_so_once_a_second() -> None:
    async def test() -> None:
        async with node(1) as one, member(one, 2) as shouter:
            for version in range(1, 200):
                shouter.say(said((Fact(name(1), Stamp(5 * version, 1), PeerInfo("clone", 1)),)))
            shouter.say(said((_fact(2),)))
            await until(lambda: one.peer(2) is not None)
            assert one.membership.topology.own.stamp.uid < 15

    _run(test())


def test_peers_that_someone_made_up_are_kept_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership, "MOST_PEERS", 50)
    monkeypatch.setattr(targets, "MOST_LEARNT", 50)

    async def test() -> None:
        async with node(1) as one, member(one, 2) as liar:
            made_up = [_fact(number, Link(name(2), address(2), True)) for number in range(10, 200)]
            links = tuple(Link(name(number), address(number % 250 + 1), False) for number in range(10, 200))
            liar.say(
                said((replace(_fact(2), value=PeerInfo("liar", 6783, (*links, Link(name(1), address(1), True)))),))
            )
            for start in range(0, len(made_up), 10):
                liar.say(said(tuple(made_up[start : start + 10])))
            await until(lambda: len(one.membership.topology) == 50)
            await asyncio.sleep(0.1)
            assert len(one.membership.topology) == 50
            assert len(list(one.targets)) <= 50
            assert all(len(known or {}) <= 50 for known in one.membership._known.values())

    _run(test())


def test_a_thousand_facts_in_both_directions_arrive_whole() -> None:
    async def test() -> None:
        async with node(1) as one, node(2) as two, member(one, 3) as crowd:
            _be_a_crowd(crowd)
            await until(lambda: len(one.membership.peers) == 992, within=60.0)
            two.connect([one.target])
            await until(lambda: len(two.membership.peers) == 993, within=60.0)

    _run(test())


def test_a_target_is_dialled_anew_when_its_name_leads_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialling, "RESOLVE_AGAIN", 0.1)
    leads_to = 1

    async def found(where: PeerAddress, port: int) -> list[Address]:
        if leads_to == 0:
            raise HostError("no name server")
        return [Address(ip(leads_to), port)]

    monkeypatch.setattr(dialling, "resolve", found)

    async def test() -> None:
        nonlocal leads_to
        async with node(1) as one, node(3) as three, node(2, "seed.example") as two:
            await until(connected(one, two))
            leads_to = 0
            await asyncio.sleep(0.3)
            assert list(two.connections) == [name(1)], "a name server that is away changes nothing"
            leads_to = 3
            await until(connected(two, three))
            assert name(1) in two.connections, "who was there before is a peer like any other"

    _run(test())
