"""Names in whole routers, as processes in namespaces."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.net.kernel import Space
from tests.router.hosts import Lan, RoutedHost, until
from tests.router.names.queries import addresses, exchange, exchange_tcp, query
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


def test_the_lan_gets_no_answer_on_the_engines_bridge_and_containers_of_any_network_do(
    trio: list[RoutedHost],
) -> None:
    one, two, _ = trio
    one.ask(RouterClient.put_name, "weave:extern", "10.1.1.1", "n1")
    two.space.run(f"ip addr del {BRIDGE}/16 dev docker0; ip route add {BRIDGE}/32 via {one.address}")
    stranger, container = query("n1"), query("n1")
    for ask in (exchange, exchange_tcp):
        with pytest.raises((OSError, EOFError)):
            two.space.call(lambda ask=ask: ask(stranger, 53, host=BRIDGE))
    assert asked(one, "n1") == ["10.1.1.1"], "the host itself"
    one.space.run(f"iptables-nft -t nat -A POSTROUTING -s {BRIDGE}/16 ! -o docker0 -j MASQUERADE")
    assert asked(one, "n1") == ["10.1.1.1"], "though Docker's rules change the address that it asks from"
    one.space.run("ip link add named type bridge; ip addr add 172.20.0.1/16 dev named; ip link set named up")
    with Space() as other:
        one.space.run(f"ip link add v1 type veth peer name eth0 netns {other.pid}; ip link set v1 master named up")
        other.run("ip addr add 172.20.0.2/16 dev eth0; ip link set eth0 up; ip route add default via 172.20.0.1")
        for ask in (exchange, exchange_tcp):
            assert addresses(other.call(lambda ask=ask: ask(container, 53, host=BRIDGE))) == ["10.1.1.1"]
