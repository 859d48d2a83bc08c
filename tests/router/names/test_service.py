"""This host's own names: given, taken, kept, and served where it is wanted."""

from __future__ import annotations

import asyncio
import logging
import socket
import sqlite3
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.router.mesh.worlds import name
from tests.router.names.queries import addresses, exchange, query
from weave_http.addresses import IP, parse_ip
from weave_http.errors import HostError, UsageError
from weave_http.records import dataclass, field
from weave_http.router.control import describe
from weave_http.router.names import service as module
from weave_http.router.names.gossip import NameGossip
from weave_http.router.names.options import DnsOptions
from weave_http.router.names.service import NameService
from weave_http.router.store import Store

C1, C2 = "ab" * 32, "cd" * 32
LOOPBACK = parse_ip("127.0.0.1")
ONE, TWO, THREE = map(parse_ip, ("10.2.1.1", "10.2.2.1", "10.2.1.2"))


@dataclass
class World:
    """A service, and what surrounds it."""

    folder: Path
    options: DnsOptions = field(default_factory=DnsOptions)
    running: set[str] = field(default_factory=set)
    gateway: IP | None = None
    changes: int = 0
    uid: int = 1

    def service(self) -> NameService:
        """A new one, as after a restart."""
        self.uid += 1
        self.gossip = NameGossip(name(1), self.uid)
        return NameService(
            self.options,
            self.gossip,
            Store(self.folder),
            changed=self._changed,
            is_running=lambda container: container in self.running,
            default_gateway=lambda: self.gateway,
        )

    def _changed(self) -> None:
        self.changes += 1


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, DnsOptions(listen=(LOOPBACK, 0), resolv_conf=str(tmp_path / "none")))


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(work(), 20))


def names(service: NameService) -> list[str]:
    return [f"{entry.name.hostname} {entry.name.address}" for entry in service.entries]


def test_names_are_given_in_any_spelling_once_and_taken_by_whatever_is_said(world: World) -> None:
    async def work() -> None:
        service = world.service()
        for hostname in ("C1.weave.local.", "c1.weave.local", "c1"):
            await service.put(C1, ONE, hostname)
        await service.put(C1, TWO, "c1")
        await service.put(C1, ONE, "db")
        await service.put("weave:extern", ONE, "c1")
        assert world.changes == 4
        assert service.containers == {C1}
        service.remove(C1, ONE, "C1.weave.local")
        assert names(service) == ["c1.weave.local 10.2.1.1", "c1.weave.local 10.2.2.1", "db.weave.local 10.2.1.1"]
        service.remove(address=ONE)
        assert names(service) == ["c1.weave.local 10.2.2.1"]
        service.remove(C2)
        service.remove()
        assert names(service) == []

    run(work)


def test_a_name_outside_of_the_domain_is_passed_over_and_what_is_no_name_refused(world: World) -> None:
    async def work() -> None:
        service = world.service()
        for hostname in ("c1.example.com", "weave.local", "c1.notweave.local"):
            await service.put(C1, ONE, hostname)
        assert names(service) == []
        with pytest.raises(UsageError, match="invalid name"):
            await service.put(C1, ONE, "c 1")

    run(work)


def test_there_may_be_so_many_names(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_OWN", 1)

    async def work() -> None:
        service = world.service()
        await service.put(C1, ONE, "a")
        with pytest.raises(HostError, match="1 names already"):
            await service.put(C1, ONE, "b")

    run(work)


def test_late_names_of_a_container_that_died_are_taken_only_if_it_runs_again(world: World) -> None:
    async def work() -> None:
        service = world.service()
        await service.put(C1, ONE, "c1")
        await service.put(C2, THREE, "c2")
        service.died(C1)
        await service.put(C1, ONE, "late")
        assert names(service) == ["c2.weave.local 10.2.1.2"]
        world.running.add(C1)
        await service.put(C1, ONE, "again")
        assert names(service) == ["again.weave.local 10.2.1.1", "c1.weave.local 10.2.1.1", "c2.weave.local 10.2.1.2"]
        world.running.clear()
        service.removed(C1)
        await service.put(C1, ONE, "too-late")
        assert names(service) == ["c2.weave.local 10.2.1.2"]
        service.started(C1)
        await service.put(C1, ONE, "anew")
        assert names(service) == ["anew.weave.local 10.2.1.1", "c2.weave.local 10.2.1.2"]

    run(work)


def test_only_so_many_deaths_are_remembered(world: World) -> None:
    async def work() -> None:
        service = world.service()
        for number in range(3000):
            service.died(f"{number:064x}")
        await service.put(f"{0:064x}", ONE, "forgotten")
        await service.put(f"{2999:064x}", ONE, "remembered")
        assert names(service) == ["forgotten.weave.local 10.2.1.1"]

    run(work)


def test_names_outlive_the_process_but_those_of_another_domain_are_not_said(world: World) -> None:
    async def work() -> None:
        service = world.service()
        await service.start()
        await service.put(C1, ONE, "c1")
        await service.put(C1, THREE, "c2")
        service.remove(hostname="c2")
        await service.stop()
        assert names(world.service()) == ["c1.weave.local 10.2.1.1"]
        world.options = DnsOptions(domain="foo.bar")
        assert names(world.service()) == []

    run(work)


def test_names_of_a_container_that_restarts_come_back_and_go_when_it_is_removed(world: World) -> None:
    async def work() -> None:
        service = world.service()
        await service.start()
        await service.put(C1, ONE, "c1")
        await service.put(C1, TWO, "extra")
        await service.put(C2, THREE, "c2")
        service.died(C1)
        assert (names(service), service.containers) == (["c2.weave.local 10.2.1.2"], {C1, C2})
        service.remove(C1, TWO)
        await service.stop()
        service = world.service()
        assert names(service) == ["c1.weave.local 10.2.1.1", "c2.weave.local 10.2.1.2"], "asleep or not, they are kept"
        service.died(C1)
        service.started(C1)
        assert names(service) == ["c1.weave.local 10.2.1.1", "c2.weave.local 10.2.1.2"]
        service.removed(C1)
        service.died(C2)
        service.removed(C2)
        service.started(C2)
        assert (names(service), service.containers) == ([], set())

    run(work)


def test_names_that_can_not_be_kept_are_served_and_kept_later(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "SAVE", 0.001)
    monkeypatch.setattr(module, "RETRY", 0.01)

    async def work() -> None:
        service = world.service()
        await service.start()
        with monkeypatch.context() as patch:

            def connect(*_: object, **__: object) -> None:
                raise sqlite3.OperationalError("database or disk is full")

            patch.setattr(sqlite3, "connect", connect)
            await service.put(C1, ONE, "c1")
            while "disk is full" not in caplog.text:
                await asyncio.sleep(0.001)
            assert names(service) == ["c1.weave.local 10.2.1.1"]
        while not Store(world.folder).state.names:
            await asyncio.sleep(0.01)
        await service.stop()

    run(work)


def test_thousands_of_names_given_one_by_one_cost_little(world: World) -> None:
    async def work() -> None:
        service = world.service()
        await service.start()
        began = time.monotonic()
        for number in range(5000):
            await service.put("weave:extern", ONE, f"n{number}")
            await asyncio.sleep(0)
        took = time.monotonic() - began
        await service.stop()
        print(f"5,000 names in {took:.2f} s")
        assert took < 5.0
        assert len(Store(world.folder).state.names) == 5000

    run(work)


def _free_port() -> int:
    with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        udp.bind(tcp.getsockname())
        return int(tcp.getsockname()[1])


def test_a_taken_port_is_trouble_until_it_is_free(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "CHECK", 0.02)
    caplog.set_level(logging.INFO)

    async def work() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taker:
            port = _free_port()
            taker.bind(("127.0.0.1", port))
            world.options = DnsOptions(listen=(LOOPBACK, port), procfs=str(world.folder))
            service = world.service()
            await service.start()
            assert describe.dns(service).address == ""
            assert f"127.0.0.1:{port}: another server listens there" in service.trouble
            assert describe.dns(service).trouble == service.trouble
        while service.address is None:
            await asyncio.sleep(0.01)
        assert (service.address, service.trouble) == ((LOOPBACK, port), "")
        await service.put(C1, ONE, "c1")
        assert addresses(await asyncio.to_thread(exchange, query("c1"), port)) == ["10.2.1.1"]
        await service.stop()
        assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]

    run(work)


def test_the_bridge_is_followed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHECK", 0.02)
    where: list[IP | None] = [None]
    asked: list[str] = []

    def first_address(bridge: str) -> IP | None:
        asked.append(bridge)
        return where[0]

    monkeypatch.setattr(module, "first_address", first_address)

    async def work() -> None:
        world.options = DnsOptions(listen=(None, _free_port()), bridge="br0", procfs=str(world.folder))
        service = world.service()
        await service.start()
        assert service.trouble == "interface br0 has no IPv4 address; choose one by --dns-listen-address"
        for address in ("127.0.0.1", "127.0.0.2"):
            where[0] = parse_ip(address)
            while service.address is None or str(service.address[0]) != address:
                await asyncio.sleep(0.01)
            await asyncio.to_thread(exchange, query("c1"), service.address[1], host=address)
        await service.stop()
        assert set(asked) == {"br0"}

    run(work)


def test_without_dockers_bridge_names_are_served_where_the_engine_says_it_will_be(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHECK", 0.02)
    where: list[IP | None] = [None]
    monkeypatch.setattr(module, "first_address", lambda bridge: where[0])

    async def work() -> None:
        world.options = DnsOptions(listen=(None, _free_port()), procfs=str(world.folder))
        service = world.service()
        await service.start()
        assert service.trouble == "interface docker0 has no IPv4 address; choose one by --dns-listen-address"
        # No interface of this machine has this address, yet.
        world.gateway = parse_ip("198.51.100.1")
        while service.trouble:
            await asyncio.sleep(0.01)
        assert service.address == (parse_ip("198.51.100.1"), world.options.listen[1])
        # An engine that does not answer for a while changes nothing; docker0 does.
        world.gateway = None
        await asyncio.sleep(0.1)
        assert (str(service.address[0]), service.trouble) == ("198.51.100.1", "")
        where[0] = LOOPBACK
        while service.address is None or service.address[0] != LOOPBACK:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(exchange, query("c1"), service.address[1], host="127.0.0.1")
        await service.stop()

    run(work)
