"""Whole routers between which there is IPv6, alone or beside IPv4, as processes in namespaces."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from tests.router.hosts import Lan, RoutedHost, launch, states, until
from weave_http.addresses import parse_peer_address
from weave_http.constants import VXLAN_DEVICE, VXLAN_DEVICE_6
from weave_http.host.router_client import RouterClient
from weave_http.router.store import Store

pytestmark = pytest.mark.kernel

FULL, FULL_6 = 1450, 1430
"""The network's MTU over IPv4 and over IPv6."""
HEADERS = 28


@pytest.fixture
def lan(tmp_path: Path) -> Iterator[Lan]:
    with Lan(tmp_path) as lan:
        yield lan


def hosts_with(lan: Lan, *families: tuple[int, ...]) -> list[RoutedHost]:
    """Return hosts on the LAN with a container each, and addresses of these versions of IP."""
    hosts = lan.add(len(families))
    for host, versions in zip(hosts, families, strict=True):
        host.use(*versions)
        assert host.guest
    return hosts


def copies(one: RoutedHost, other: RoutedHost, count: int = 5) -> int:
    """Return how many answers come to so many pings; more than these would be frames that took two ways."""
    assert other.guest
    command = ["ping", f"-c{count}", "-i0.1", "-W2", other.inside]
    done = one.guest.call(subprocess.run, command, capture_output=True, text=True, check=False)
    return done.stdout.count("bytes from")


def test_hosts_without_ipv4_mesh_and_carry_full_frames_whatever_becomes_of_routers(lan: Lan) -> None:
    hosts = one, two = hosts_with(lan, (6,), (6,))
    launch(hosts, [], [f"[{one.address_6}]:6783"])
    until(lambda: states(one) == {"host2": "direct"} and states(two) == {"host1": "direct"})
    until(lambda: one.mtu == two.mtu == FULL_6)
    assert one.pings(two, FULL_6 - HEADERS)
    assert two.pings(one, FULL_6 - HEADERS)
    assert one.paths["host2"]["Reason"] == "", "that IPv6 takes more is no fault"
    assert one.destinations == {two.address_6}
    assert f"-> [{one.address_6}]:6783" in two.ask(RouterClient.status, "connections")
    assert f"<- [{two.address_6}]:6783" in one.ask(RouterClient.status, "peers")
    rules = one.space.run("ip6tables-nft-save")
    assert f"-A WEAVE-DATA -s {two.address_6}/128 -j RETURN\n-A WEAVE-DATA -j DROP" in rules
    ping = one.keep_pinging(two)
    two.end(signal.SIGKILL)
    two.launch("--resume")
    until(lambda: two.ready and two.connected == 1)
    assert ping.lost() == 0
    two.ask(RouterClient.forget, [parse_peer_address(f"[{one.address_6.upper()}]:6783")])
    assert two.ask(RouterClient.report)["Router"]["Targets"] == []
    two.end()


def test_of_two_families_each_pair_uses_one_and_no_frame_takes_two_ways(lan: Lan) -> None:
    hosts = four, both, twin, six = hosts_with(lan, (4,), (4, 6), (4, 6), (6,))
    launch(hosts, [], [four.address], [both.address], [f"[{both.address_6}]"])
    until(lambda: list(states(both).values()) == list(states(twin).values()) == ["direct"] * 3)
    until(lambda: all(host.mtu == FULL_6 for host in hosts))
    for one, other in ((four, both), (both, twin), (twin, six), (both, six), (four, twin)):
        assert one.pings(other, FULL_6 - HEADERS)
        assert copies(one, other) == 5
    assert both.destinations == {four.address, twin.address, six.address_6}
    links = both.space.run(f"ip -d link show {VXLAN_DEVICE}; ip -d link show {VXLAN_DEVICE_6}")
    assert links.count("isolated on") == 2
    took = until(lambda: states(four)["host4"] == states(six)["host1"] == "relayed")
    print(f"relayed after {took:.1f} s")
    until(lambda: four.paths["host4"]["Via"] == six.paths["host1"]["Via"])
    until(lambda: four.pings(six, FULL_6 - HEADERS) and six.pings(four, FULL_6 - HEADERS))
    assert copies(four, six) == 5
    assert "this host has no IPv6 that leads to" in four.ask(RouterClient.status, "connections")
    transit = next(host for host in (both, twin) if host.number == int(four.paths["host4"]["Via"][0][-1]))
    ping = four.keep_pinging(six)
    transit.end(signal.SIGKILL)
    transit.launch("--resume")
    until(lambda: transit.ready and transit.connected == 3)
    assert ping.lost() == 0, "the kernel in between goes on without its router"
    four.use(4, 6)
    until(lambda: states(four)["host4"] == states(six)["host1"] == "direct")
    until(lambda: four.pings(six))
    six.ask(RouterClient.leave)
    until(lambda: both.destinations in ({four.address, twin.address}, {four.address, twin.address_6}))
    for host in (four, both, twin):
        host.space.run("ip -6 addr flush dev eth0")
    until(lambda: both.destinations == {four.address, twin.address})
    until(lambda: four.mtu == both.mtu == FULL)
    assert VXLAN_DEVICE_6 not in both.space.run("ip -br link"), "a device that leads nowhere is not kept"


def test_after_a_restart_a_peer_that_is_met_over_the_other_family_gets_no_frame_twice(lan: Lan) -> None:
    hosts = one, two = hosts_with(lan, (4, 6), (4, 6))
    launch(hosts, [], [one.address])
    until(lambda: one.destinations == {two.address} and two.destinations == {one.address})
    until(lambda: Store(two.folder).state.places == {ip_address(one.address): two.paths["host1"]["Peer"]})
    two.end(signal.SIGKILL)
    two.launch(f"[{one.address_6}]")
    until(lambda: two.ready and states(two) == {"host1": "direct"} and states(one) == {"host2": "direct"})
    until(lambda: one.destinations == {two.address_6} and two.destinations == {one.address_6})
    assert copies(one, two) == 5


def test_where_ipv6_is_off_ipv4_goes_on_and_the_reason_is_told(lan: Lan) -> None:
    off, on = hosts_with(lan, (4,), (4, 6))
    off.space.run("for name in all default eth0; do echo 1 > /proc/sys/net/ipv6/conf/$name/disable_ipv6; done")
    launch([off, on], [f"[{on.address_6}]:6783", on.address], [])
    until(lambda: states(off) == {"host2": "direct"})
    assert off.pings(on, FULL - HEADERS)


def test_the_host_option_picks_the_address_that_others_see(lan: Lan) -> None:
    one, two = hosts_with(lan, (4, 6), (4, 6))
    second = "fd00:192::1:2"
    two.space.run(f"ip addr add {second}/64 dev eth0 nodad")
    launch([one, two], [], ["--host", second, one.address, f"[{one.address_6}]"])
    until(lambda: states(one) == {"host2": "direct"})
    until(lambda: one.destinations == {second})
    assert one.pings(two, FULL_6 - HEADERS)
    assert f"this router uses {second} alone (--host)" in two.ask(RouterClient.status, "connections")
