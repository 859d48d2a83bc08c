"""The server on loopback, over UDP and TCP, with other servers behind it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address, ip_network
from random import Random

import pytest
from dnslib import RCODE, DNSRecord

from tests.router.names.queries import Elsewhere, Reply, addresses, answer_with, exchange, exchange_tcp, query
from weave_http.addresses import Network, parse_ip
from weave_http.router.names import clients as clients_module
from weave_http.router.names import server as module
from weave_http.router.names.answers import Answerer
from weave_http.router.names.clients import Clients
from weave_http.router.names.server import Server
from weave_http.router.names.upstream import Upstream, is_reply

MANY = [f"10.2.3.{number}" for number in range(200)]
KNOWN = {"c1.weave.local": ["10.2.1.1"], "many.weave.local": MANY}


@asynccontextmanager
async def serving(
    *servers: Elsewhere, timeout: float = 5.0, patience: float = 0.05, clients: Clients | None = None
) -> AsyncIterator[int]:
    """A server with others behind it, all of them on one port; yields its own port."""
    port = 0
    for each in servers:
        port = await each.start(port)
    upstream = Upstream(lambda: [ip_address(each.host) for each in servers], timeout, port=port or 1)
    it = Server(
        Answerer("weave.local", 1, lambda name: list(map(parse_ip, KNOWN.get(name, []))), lambda address: []),
        upstream,
        clients,
    )
    patch = pytest.MonkeyPatch()
    patch.setattr("weave_http.router.names.upstream.PATIENCE", patience)
    try:
        yield await started(it)
    finally:
        patch.undo()
        await it.stop()
        for each in servers:
            await each.stop()


async def started(it: Server) -> int:
    """Start a server on a port that is free for both; return that."""
    while True:
        try:
            return await it.start(ip_address("127.0.0.1"), 0)
        except OSError:  # free for one of them only
            continue


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await work()

    asyncio.run(bounded())


async def ask(data: bytes, port: int) -> DNSRecord:
    return DNSRecord.parse(await asyncio.to_thread(exchange, data, port))


async def ask_tcp(data: bytes, port: int) -> DNSRecord:
    return DNSRecord.parse(await asyncio.to_thread(exchange_tcp, data, port))


def test_local_names_over_both_and_tcp_completes_what_udp_cut() -> None:
    async def work() -> None:
        async with serving() as port:
            assert [str(record.rdata) for record in (await ask(query("c1.weave.local"), port)).rr] == ["10.2.1.1"]
            short = await ask(query("many.weave.local"), port)
            assert (short.header.tc, 0 < len(short.rr) < 40) == (1, True)
            whole = await ask_tcp(query("many.weave.local"), port)
            assert sorted(str(record.rdata) for record in whole.rr) == sorted(MANY)

    run(work)


def test_other_names_are_passed_on_and_the_answer_has_the_clients_number() -> None:
    async def work() -> None:
        elsewhere = Elsewhere(answer_with("192.0.2.1"))
        async with serving(elsewhere) as port:
            reply = await ask(query("Example.com", number=77), port)
            assert (reply.header.id, str(reply.rr[0].rdata), reply.rr[0].ttl) == (77, "192.0.2.1", 60)
            assert [str(record.rdata) for record in (await ask_tcp(query("example.com"), port)).rr] == ["192.0.2.1"]
            assert elsewhere.asked == ["udp Example.com.", "udp example.com."]

    run(work)


def test_a_long_answer_of_another_server_is_fetched_over_tcp_and_cut_for_those_who_ask_over_udp() -> None:
    async def work() -> None:
        elsewhere = Elsewhere(answer_with(*MANY))
        async with serving(elsewhere) as port:
            short = await ask(query("big.example.com"), port)
            assert (short.header.tc, short.header.rcode) == (1, 0)
            assert elsewhere.asked == ["udp big.example.com.", "tcp big.example.com."]
            assert len((await ask_tcp(query("big.example.com"), port)).rr) == len(MANY)
            assert len((await ask(query("big.example.com", size=4096), port)).rr) == len(MANY)

    run(work)


def _silence(request: DNSRecord) -> None:
    return None


def _failure(request: DNSRecord) -> bytes:
    reply = request.reply()
    reply.header.rcode = RCODE.SERVFAIL
    return bytes(reply.pack())


def _nonsense(request: DNSRecord) -> bytes:
    return b"nonsense"


def _no_such_name(request: DNSRecord) -> bytes:
    reply = request.reply()
    reply.header.rcode = RCODE.NXDOMAIN
    return bytes(reply.pack())


@pytest.mark.parametrize("bad", [_silence, _failure, _nonsense])
def test_a_bad_server_makes_way_for_the_next_and_is_asked_last_from_then_on(bad: Reply) -> None:
    async def work() -> None:
        first, second = Elsewhere(bad), Elsewhere(answer_with("192.0.2.2"), "127.0.0.2")
        async with serving(first, second) as port:
            for _ in range(3):
                assert addresses((await ask(query("example.com"), port)).pack()) == ["192.0.2.2"]
            assert (len(first.asked), len(second.asked)) == (1, 3)

    run(work)


def test_no_such_name_elsewhere_is_an_answer() -> None:
    async def work() -> None:
        first, second = Elsewhere(_no_such_name), Elsewhere(answer_with("192.0.2.2"), "127.0.0.2")
        async with serving(first, second) as port:
            assert RCODE.get((await ask(query("example.com"), port)).header.rcode) == "NXDOMAIN"
            assert second.asked == []

    run(work)


@pytest.mark.parametrize("reply", [None, _silence, _failure])
def test_when_nobody_answers_the_client_is_told_in_time(reply: Reply | None) -> None:
    async def work() -> None:
        async with serving(*([Elsewhere(reply)] if reply else []), timeout=0.2) as port:
            failed = await ask(query("example.com", number=5), port)
            assert (failed.header.id, RCODE.get(failed.header.rcode)) == (5, "SERVFAIL")

    run(work)


def test_a_server_that_is_not_there_fails_at_once() -> None:
    async def work() -> None:
        upstream = Upstream(lambda: [ip_address("127.0.0.1")], 60.0, port=1)
        it = Server(Answerer("weave.local", 1, lambda name: [], lambda address: []), upstream)
        port = await started(it)
        try:
            assert RCODE.get((await ask(query("example.com"), port)).header.rcode) == "SERVFAIL"
        finally:
            await it.stop()

    run(work)


def test_too_many_queries_for_others_are_refused_and_local_ones_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weave_http.router.names.upstream.MOST_QUERIES", 5)

    async def work() -> None:
        async with serving(Elsewhere(_silence), timeout=3.0) as port:
            held = [asyncio.create_task(ask(query("slow.example.com"), port)) for _ in range(6)]
            done, pending = await asyncio.wait(held, timeout=2.0, return_when=asyncio.FIRST_COMPLETED)
            assert [RCODE.get(task.result().header.rcode) for task in done] == ["SERVFAIL"]
            assert len((await ask(query("c1.weave.local"), port)).rr) == 1
            assert {RCODE.get((await task).header.rcode) for task in pending} == {"SERVFAIL"}

    run(work)


def test_a_flood_of_nonsense_costs_nothing_but_itself(caplog: pytest.LogCaptureFixture) -> None:
    random = Random(4)

    async def work() -> None:
        async with serving() as port:

            def flood() -> None:
                good = query("c1.weave.local", size=1232)
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                    for _ in range(20_000):
                        data = bytearray(random.randbytes(random.randrange(100)) if random.random() < 0.5 else good)
                        for _ in range(3):
                            if data:
                                data[random.randrange(len(data))] = random.randrange(256)
                        sock.sendto(data, ("127.0.0.1", port))

            flooding = asyncio.create_task(asyncio.to_thread(flood))
            answered = 0
            while not flooding.done():
                try:
                    data = await asyncio.to_thread(exchange, query("c1.weave.local"), port, seconds=1.0)
                    answered += addresses(data) == ["10.2.1.1"]
                except TimeoutError:
                    pass  # the socket's buffer was full: a resolver asks again
            assert answered > 0
            assert len((await ask(query("c1.weave.local"), port)).rr) == 1

    run(work)
    assert caplog.records == []


def test_tcp_clients_are_limited_in_number_and_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_OF_ONE", 3)
    monkeypatch.setattr(module, "IDLE", 0.3)

    async def work() -> None:
        async with serving() as port:
            idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            assert await reader.read() == b""
            writer.close()
            reply = await asyncio.to_thread(exchange_tcp, query("c1.weave.local"), port, source="127.0.0.9")
            assert addresses(reply) == ["10.2.1.1"], "one client's greed is not another's harm"
            for reader, writer in idle:
                assert await reader.read() == b"", "after its time"
                writer.close()
            assert len((await ask_tcp(query("c1.weave.local"), port)).rr) == 1

    run(work)


def test_many_clients_together_are_limited_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CONNECTIONS", 2)

    async def work() -> None:
        async with serving() as port:
            idle = [
                await asyncio.open_connection("127.0.0.1", port, local_addr=(f"127.0.0.{number}", 0))
                for number in (7, 8)
            ]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            assert await reader.read() == b""
            for _, each in [(reader, writer), *idle]:
                each.close()

    run(work)


def test_only_own_networks_are_answered_and_a_new_one_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients_module, "REREAD", 0.05)
    networks = [ip_network("127.0.0.0/29")]
    looks: list[int] = []

    def read() -> list[Network]:
        looks.append(len(networks))
        return list(networks)

    async def work() -> None:
        async with serving(clients=Clients(read)) as port:
            data = query("c1.weave.local")
            for _ in range(20):
                assert len((await ask(data, port)).rr) == 1
            assert looks == [1], "who is known costs nothing"
            for _ in range(3):
                with pytest.raises(TimeoutError):
                    await asyncio.to_thread(exchange, data, port, source="127.0.0.9", seconds=0.2)
            with pytest.raises((ConnectionError, EOFError)):
                await asyncio.to_thread(exchange_tcp, data, port, source="127.0.0.9")
            assert len(looks) == 2, "nor does a stranger that was looked at"
            networks.append(ip_network("127.0.1.0/24"))
            assert addresses(await asyncio.to_thread(exchange, data, port, source="127.0.1.9")) == ["10.2.1.1"]
            assert addresses(await asyncio.to_thread(exchange_tcp, data, port, source="127.0.1.9")) == ["10.2.1.1"]

    run(work)


def test_strangers_wait_in_a_short_line_and_others_are_answered_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients_module, "REREAD", 0.3)
    monkeypatch.setattr(clients_module, "MOST_WAITING", 4)
    looks: list[int] = []

    def read() -> list[Network]:
        looks.append(1)
        return [ip_network("127.0.0.1/32")]

    async def work() -> None:
        it = Clients(read)
        assert await it.look("127.0.0.1")
        began = asyncio.get_running_loop().time()
        strangers = [asyncio.create_task(it.look(f"192.0.2.{number}")) for number in range(50)]
        await asyncio.sleep(0)
        assert it.may_ask("127.0.0.1")
        assert not any(await asyncio.gather(*strangers))
        assert asyncio.get_running_loop().time() - began < 2.0
        assert len(looks) <= 5

    run(work)


def test_a_tcp_client_may_ask_several_times_and_nonsense_ends_its_connection() -> None:
    async def work() -> None:
        async with serving() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            data = query("c1.weave.local")
            for _ in range(2):
                writer.write(len(data).to_bytes(2, "big") + data)
                size = int.from_bytes(await reader.readexactly(2), "big")
                assert addresses(await reader.readexactly(size)) == ["10.2.1.1"]
            writer.write(b"\0\3abc")
            assert await reader.read() == b""
            writer.close()

    run(work)


def test_a_taken_port_is_an_error_and_leaves_nothing_open() -> None:
    async def work() -> None:
        async with serving() as port:
            it = Server(Answerer("weave.local", 1, lambda name: [], lambda address: []), Upstream(list, 1.0))
            with pytest.raises(OSError, match="in use"):
                await it.start(ip_address("127.0.0.1"), port)
            await it.stop()

    run(work)


def test_a_reply_belongs_to_a_query_by_number_opcode_and_question() -> None:
    asked = query("example.com", number=3)
    good = answer_with("192.0.2.1")(DNSRecord.parse(asked)) or b""
    assert is_reply(asked, good)
    assert is_reply(asked, good.replace(b"example", b"EXAMPLE"))
    assert not is_reply(asked, asked)
    assert not is_reply(asked, b"\0\4" + good[2:])
    assert not is_reply(asked, good.replace(b"example", b"another"))
    assert not is_reply(asked, good[:11])
