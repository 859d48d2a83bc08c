"""Names in whole routers, as processes in namespaces."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.router.hosts import Lan, RoutedHost, until
from tests.router.names.queries import addresses, exchange, query
from weave_http.host.router_client import RouterClient

pytestmark = pytest.mark.kernel

BRIDGE = "172.17.0.1"
EACH = 300


@pytest.fixture
def trio(tmp_path: Path) -> Iterator[list[RoutedHost]]:
    """Three hosts with an engine's bridge, meshed."""
    with Lan(tmp_path) as lan:
        hosts = lan.add(3)
        for host in hosts:
            host.space.run(
                f"ip link add docker0 type bridge; ip addr add {BRIDGE}/16 dev docker0; ip link set docker0 up"
            )
        hosts[0].launch()
        until(lambda: hosts[0].ready)
        for host in hosts[1:]:
            host.launch(hosts[0].address)
        until(lambda: all(host.ready for host in hosts) and lan.meshed())
        yield hosts


def known(host: RoutedHost) -> int:
    """How many names a host's router knows."""
    return str(host.ask(RouterClient.status, "dns")).count("\n")


def give(host: RoutedHost) -> None:
    for number in range(EACH):
        address, name = f"10.{host.number}.{number >> 8}.{number & 255}", f"n{number}-{host.number}"
        host.ask(RouterClient.put_name, "weave:extern", address, name)


def asked(host: RoutedHost, name: str) -> list[str]:
    """What a host's router answers."""
    return addresses(host.space.call(lambda: exchange(query(name), 53, host=BRIDGE)))


def test_many_names_are_the_same_on_three_hosts_and_outlive_their_routers(trio: list[RoutedHost]) -> None:
    one, two, three = trio
    with ThreadPoolExecutor() as pool:
        list(pool.map(give, trio))
    took = until(lambda: all(known(host) == 3 * EACH for host in trio))
    print(f"{3 * EACH} names known everywhere after {took:.2f} s")
    assert took < 2.0
    assert asked(two, "n299-1.weave.local") == ["10.1.1.43"]
    for number in (signal.SIGTERM, signal.SIGKILL):
        one.end(number)
        assert (known(two), asked(three, "n0-1")) == (3 * EACH, ["10.1.0.0"]), "its containers go on without it"
        one.launch(two.address)
        until(lambda: one.ready)
        assert known(one) >= EACH, "its own names are there at once"
        until(lambda: all(known(host) == 3 * EACH and host.connected == 2 for host in trio))
    one.ask(RouterClient.leave)
    assert until(lambda: known(two) == known(three) == 2 * EACH) < 2.0
    assert asked(two, "n0-1") == []
