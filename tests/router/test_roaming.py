"""A host whose address changes, in a namespace: the kernel tells, and peers are dialled at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from selectors import DefaultSelector, SelectorKey

import pytest

from tests.net.kernel import Space
from tests.router.hosts import Lan, RoutedHost, until
from weave_http.addresses import IP, parse_ip
from weave_http.router.roaming import follow_addresses

pytestmark = pytest.mark.kernel


def test_each_change_of_the_hosts_addresses_is_told_with_what_there_is() -> None:
    with Space() as host:
        host.run("ip link add one type bridge; ip addr add 192.0.2.1/24 dev one; ip link set one up")
        told: list[set[IP]] = []

        def changed(addresses: Collection[IP]) -> None:
            told.append({ip for ip in addresses if not ip.is_loopback})

        async def follow() -> None:
            task = asyncio.create_task(follow_addresses(changed))
            await asyncio.sleep(0.3)
            for line in ("del 192.0.2.1/24", "add 192.0.2.2/24", "add 192.0.2.3/24"):
                process = await asyncio.create_subprocess_shell(f"ip addr {line} dev one")
                await process.wait()
            async with asyncio.timeout(10):
                while not told or len(told[-1]) < 2:
                    await asyncio.sleep(0.01)
            task.cancel()

        host.call(lambda: asyncio.run(follow()))
        assert told[-1] == {parse_ip("192.0.2.2"), parse_ip("192.0.2.3")}


class _Counting(DefaultSelector):
    """Counts how often an event loop comes round."""

    rounds = 0

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        self.rounds += 1
        return super().select(timeout)


def test_while_addresses_are_looked_up_the_event_loop_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0

    def slow() -> set[IP]:
        nonlocal asked
        asked += 1
        time.sleep(0.5)
        return set()

    monkeypatch.setattr("weave_http.router.roaming.own_addresses", slow)
    selector = _Counting()

    async def follow() -> None:
        task = asyncio.create_task(follow_addresses(lambda addresses: None))
        async with asyncio.timeout(10):
            while asked < 3:
                process = await asyncio.create_subprocess_shell("ip addr add 192.0.2.1/24 dev lo; ip addr flush dev lo")
                await process.wait()
                await asyncio.sleep(0.1)
        task.cancel()

    with Space() as host, asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        host.call(lambda: runner.run(follow()))
    assert selector.rounds < 500


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[list[RoutedHost]]:
    """Two hosts, meshed."""
    with Lan(tmp_path) as lan:
        hosts = lan.add(2)
        hosts[0].launch()
        until(lambda: hosts[0].ready)
        hosts[1].launch(hosts[0].address)
        until(lambda: hosts[1].ready and lan.meshed())
        yield hosts


def test_a_host_that_moves_twice_within_a_minute_is_reached_again_at_once(pair: list[RoutedHost]) -> None:
    one, two = pair
    assert one.pings(two)
    for number in (12, 13):
        two.space.run(f"ip addr flush dev eth0; ip addr add 192.0.2.{number}/24 dev eth0")
        seconds = until(lambda number=number: f"192.0.2.{number}" in one.destinations, within=10)  # type: ignore[misc]
        print(f"moved to .{number}: its peer sends there after {seconds:.2f} s")
        assert seconds < 5.0
        until(lambda: one.pings(two) and two.connected == 1, within=10)
