"""Paths in whole routers, as processes in namespaces: what is between hosts is blocked, narrowed and opened again."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.router.hosts import Lan, RoutedHost, launch, states, until
from weave_http.host.router_client import RouterClient
from weave_http.router.data.overlay import CHECK

pytestmark = pytest.mark.kernel

FULL = 1450 - 28
"""Bytes that a ping carries in the largest packet."""


@pytest.fixture
def lan(tmp_path: Path) -> Iterator[Lan]:
    with Lan(tmp_path) as lan:
        yield lan


def hosts_on(lan: Lan, count: int) -> list[RoutedHost]:
    """Return hosts that pass packets on as a Docker host does: for those only whom a rule allows it."""
    hosts = lan.add(count)
    for host in hosts:
        host.space.run("echo 1 > /proc/sys/net/ipv4/ip_forward; iptables-nft -P FORWARD DROP")
        assert host.guest
    return hosts


def direct(hosts: list[RoutedHost]) -> bool:
    return all(list(states(host).values()) == ["direct"] * (len(hosts) - 1) for host in hosts)


def block(at: RoutedHost, source: RoutedHost, what: str = "-p udp") -> None:
    at.space.run(f"iptables-nft -I INPUT -s {source.address} {what} -j DROP")


def unblock(at: RoutedHost, source: RoutedHost, what: str = "-p udp") -> None:
    at.space.run(f"iptables-nft -D INPUT -s {source.address} {what} -j DROP")


def test_data_goes_over_a_third_host_while_udp_is_blocked_and_back(lan: Lan) -> None:
    hosts = one, two, three = hosts_on(lan, 3)
    launch(hosts, [], [one.address], [one.address])
    until(lambda: direct(hosts))
    until(lambda: one.ask(RouterClient.report)["DataPasses"] is True)
    block(two, one)
    took = until(lambda: states(one)["host2"] == states(two)["host1"] == "relayed")
    until(lambda: "is blocked, the way back is open" in one.paths["host2"]["Reason"])
    until(lambda: "is blocked, the way there is open" in two.paths["host1"]["Reason"])
    print(f"relayed after {took:.1f} s")
    assert one.paths["host2"]["Via"] == two.paths["host1"]["Via"] == ["host3"]
    until(lambda: one.pings(two, FULL) and two.pings(one, FULL))
    assert f"over host3: UDP port 6784 to {two.address} is blocked" in one.ask(RouterClient.status, "connections")
    assert f"   data: over host3: UDP port 6784 to {two.address}" in one.ask(RouterClient.status, "peers")
    ping = one.keep_pinging(two)
    three.end(signal.SIGKILL)
    three.launch(one.address)
    until(lambda: three.ready and three.connected == 2)
    assert ping.lost() == 0, "the kernel in between goes on without its router"
    there, back = one.keep_pinging(two), two.keep_pinging(one)
    unblock(two, one)
    until(lambda: direct(hosts))
    until(lambda: one.destinations == {two.address, three.address} and two.destinations == {one.address, three.address})
    until(lambda: one.pings(two, FULL) and two.pings(one, FULL))
    lost = there.lost(), back.lost()
    print(f"on the way back to the direct way {lost[0]} and {lost[1]} of twenty a second were lost")
    assert max(lost) < 20 * CHECK, "frames follow although they went over the third host all the time"


def test_hosts_that_nobody_reaches_both_of_are_named_with_what_is_blocked(lan: Lan) -> None:
    hosts = one, two = hosts_on(lan, 2)
    launch(hosts, [], [one.address])
    until(lambda: direct(hosts))
    block(two, one)
    block(one, two)
    until(lambda: states(one) == {"host2": "unreachable"} and states(two) == {"host1": "unreachable"})
    until(lambda: "both ways: let it through" in one.paths["host2"]["Reason"])
    assert one.ask(RouterClient.report)["DataPasses"] is False
    assert "no data passes: UDP port 6784 is blocked" in one.ask(RouterClient.status, "connections")
    unblock(two, one)
    unblock(one, two)
    until(lambda: direct(hosts))


def test_a_host_behind_a_nat_is_named_as_such(lan: Lan) -> None:
    one, two = hosts_on(lan, 2)
    outside = "192.0.2.99"
    two.space.run(
        f"ip addr add {outside}/24 dev eth0; iptables-nft -t nat -A POSTROUTING -o eth0 -j SNAT --to-source {outside};"
        f"iptables-nft -A INPUT -d {outside} -p udp -j DROP"
    )
    launch([one, two], [], [one.address])
    until(lambda: states(one) == {"host2": "unreachable"})
    until(lambda: f"behind a NAT ({outside} is {two.address} there)" in one.paths["host2"]["Reason"])


def test_the_networks_mtu_follows_what_passes_down_and_up_in_containers_too(lan: Lan) -> None:
    hosts = one, two, _ = hosts_on(lan, 3)
    launch(hosts, [], [one.address], [one.address])
    until(lambda: direct(hosts))
    assert [host.mtu for host in hosts] == [1450] * 3
    large = "-p udp -m length --length 1401:65535"
    block(two, one, large)
    took = until(lambda: [host.mtu for host in hosts] == [1350] * 3)
    print(f"the MTU followed after {took:.1f} s")
    assert "packets over 1350 bytes get lost" in one.ask(RouterClient.status, "connections")
    until(lambda: one.pings(two, 1350 - 28))
    unblock(two, one, large)
    took = until(lambda: [host.mtu for host in hosts] == [1450] * 3)
    print(f"and back after {took:.1f} s")
    until(lambda: one.pings(two, FULL))


def test_a_chain_of_five_hosts_without_discovery_is_one_network(lan: Lan) -> None:
    hosts = hosts_on(lan, 5)
    for host in hosts:
        for other in hosts:
            if abs(host.number - other.number) > 1:
                block(host, other, "")
    launch(hosts, *(["--no-discovery", *(other.address for other in hosts[:at][-1:])] for at in range(5)))
    until(lambda: all(set(states(host).values()) <= {"direct", "relayed"} and len(states(host)) == 4 for host in hosts))
    assert hosts[0].paths["host5"]["Via"] == ["host2", "host3", "host4"]
    until(lambda: all(host.pings(other, FULL) for host in hosts for other in hosts if host is not other))
