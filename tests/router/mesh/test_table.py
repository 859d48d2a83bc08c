from __future__ import annotations

import asyncio
from typing import cast

from tests.router.mesh.worlds import address, hello, name
from weave_http.router.mesh.connections import Connection
from weave_http.router.mesh.loop_clock import LoopClock
from weave_http.router.mesh.table import CLASH_COUNTS, Table
from weave_http.router.mesh.topology import Address, Link
from weave_http.router.mesh.wire import Wire


class _Wire:
    def __init__(self, remote: Address) -> None:
        self.remote = remote
        self.clock = LoopClock()


async def _connection(number: int, connection: int, *, uid: int = 1, outbound: bool = True) -> Connection:
    wire = cast(Wire, _Wire(address(number)))
    said = hello(number, uid=uid, connection=connection)
    return Connection(wire, outbound=outbound, hello=said, version=1, gossip=lambda _: [], is_ours=lambda *_: False)


def test_rivals_are_other_connections_to_that_peer() -> None:
    async def test() -> None:
        table = Table()
        first, second, other = [await _connection(*each) for each in ((2, 5), (2, 3), (4, 1))]
        table.established = {name(2): first, name(4): other}
        table.meeting = {second}
        (rival,) = table.rivals(second, established=False)
        assert (rival.number, rival.established) == (5, True)
        (rival,) = table.rivals(first, established=False)
        assert (rival.number, rival.established) == (3, False)
        assert table.rivals(first, established=True) == {}
        assert table.others(second) == 2

    asyncio.run(test())


def test_a_connection_is_superseded_by_a_lower_number_of_the_same_process_only() -> None:
    async def test() -> None:
        table = Table()
        first = await _connection(2, 5)
        for number, uid, superseded in ((3, 1, True), (9, 1, False), (3, 2, False)):
            table.meeting = {await _connection(2, number, uid=uid)}
            assert table.is_superseded(first) is superseded

    asyncio.run(test())


def test_who_listens_where_is_known_from_both_directions() -> None:
    async def test() -> None:
        table = Table()
        table.established = {name(2): await _connection(2, 5, outbound=False)}
        assert table.peer_at(address(2)) == name(2)
        assert table.peer_at(address(3)) is None
        assert list(table.links()) == [Link(name(2), address(2), False)]

    asyncio.run(test())


def test_two_hosts_of_one_name_are_remembered_for_a_while() -> None:
    table = Table()
    assert table.clash(0.0) == ""
    assert table.note_clash("a and b", 0.0)
    assert not table.note_clash("a and b", 100.0)
    assert table.clash(CLASH_COUNTS) == "a and b"
    assert table.clash(100.0 + CLASH_COUNTS) == ""
