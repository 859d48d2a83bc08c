"""Whole routers, as processes, in namespaces with the kernel's own VXLAN between them."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.router.hosts import Lan, RoutedHost, until
from weave_http import constants
from weave_http.host.router_client import RouterClient, RouterError, RouterUnavailable
from weave_http.net import teardown, vxlan
from weave_http.net.bridge import describe

pytestmark = pytest.mark.kernel


@pytest.fixture
def lan(tmp_path: Path) -> Iterator[Lan]:
    with Lan(tmp_path) as lan:
        yield lan


@pytest.fixture
def pair(lan: Lan) -> list[RoutedHost]:
    """Two hosts, meshed, whose containers reach each other."""
    one, two = lan.add(2)
    one.launch()
    two.launch(one.address)
    until(lambda: one.ready and two.ready and lan.meshed())
    assert one.pings(two)
    return [one, two]


def test_a_chain_of_three_is_meshed_within_two_seconds_and_forwards(lan: Lan) -> None:
    one, two, three = lan.add(3)
    one.launch()
    until(lambda: one.ready)
    two.launch(one.address)
    until(lambda: two.ready)
    three.launch(f"{two.address}:6783")
    until(lambda: three.ready)
    took = until(lan.meshed)
    print(f"meshed {took * 1000:.0f} ms after the last one was ready; {one.memory() / 1024:.0f} MiB")
    assert took < 2.0
    for here in lan.hosts:
        for there in lan.hosts:
            if here is not there:
                assert all(here.pings(there, size) for size in (56, 1400, 8000))
    text = three.ask(RouterClient.status, "connections")
    assert len(text.splitlines()) == 2
    assert "fastdp" in text
    assert "mtu=1450" in text
    assert three.ask(RouterClient.status, "targets") == f"{two.address}:6783\n"


def test_routers_started_at_the_same_moment_mesh_too(lan: Lan) -> None:
    hosts = lan.add(4)
    for host in hosts:
        host.launch(*(other.address for other in hosts if other is not host))
    until(lambda: all(host.ready for host in hosts) and lan.meshed(), within=15)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_running_ping_does_not_notice_that_a_router_restarts(pair: list[RoutedHost], lan: Lan, number: int) -> None:
    one, two = pair
    ping = one.keep_pinging(two)
    time.sleep(0.3)
    code, seconds = two.end(number)
    assert code == (-number if number == signal.SIGKILL else 0)
    assert seconds < 1.0
    time.sleep(1.0)
    assert one.destinations == {two.address}
    assert two.destinations == {one.address}
    two.launch(one.address)
    until(lambda: two.ready and lan.meshed())
    time.sleep(0.3)
    assert ping.lost() == 0


def test_a_restarted_router_keeps_its_name_and_its_old_destinations(pair: list[RoutedHost]) -> None:
    one, two = pair
    name = two.ask(RouterClient.report)["Router"]["Name"]
    one.end()
    two.end(signal.SIGKILL)
    two.launch()
    until(lambda: two.ready)
    assert two.ask(RouterClient.report)["Router"]["Name"] == name
    assert two.destinations == {one.address}
    two.end()
    two.space.call(teardown.destroy)
    two.launch()
    until(lambda: two.ready)
    assert two.ask(RouterClient.report)["Router"]["Name"] == name
    bridge = two.space.call(describe)
    assert bridge is not None
    assert bridge[0].mac == name


def test_what_it_was_told_survives_a_crash(lan: Lan) -> None:
    (host,) = lan.add(1)
    host.launch()
    until(lambda: host.ready)
    container = "ab" * 32
    host.ask(RouterClient.set_attachment, container, ["10.2.1.1/24"])
    host.end(signal.SIGKILL)
    host.launch()
    until(lambda: host.ready)
    assert host.ask(RouterClient.attachments) == {container: ["10.2.1.1/24"]}


@pytest.mark.parametrize("after", [0.05, 0.15, 0.3, 0.5])
def test_it_ends_at_once_at_whatever_moment_it_is_told_to(lan: Lan, after: float) -> None:
    (host,) = lan.add(1)
    host.launch("192.0.2.77")
    time.sleep(after)
    assert host.end()[1] < 1.0
    assert "Traceback" not in host.log.read_text()


def test_a_router_that_leaves_is_gone_from_the_data_plane_at_once(pair: list[RoutedHost]) -> None:
    one, two = pair
    two.ask(RouterClient.leave)
    assert until(lambda: one.destinations == set()) < 1.0
    assert constants.VXLAN_DEVICE not in two.space.links()
    assert constants.BRIDGE in two.space.links()
    two.ask(RouterClient.leave)
    assert two.end()[0] == 0


def test_what_a_lost_host_left_goes_when_it_is_forgotten(pair: list[RoutedHost]) -> None:
    one, two = pair
    one.ask(RouterClient.connect, [two.address])
    until(lambda: one.ask(RouterClient.report)["Router"]["Targets"] == [two.address])
    two.end(signal.SIGKILL)
    until(lambda: one.connected == 0)
    assert one.destinations == {two.address}
    until(
        lambda: (
            "connection refused: no router listens on TCP port 6783 there"
            in one.ask(RouterClient.status, "connections")
        )
    )
    one.ask(RouterClient.forget, [two.address])
    until(lambda: one.destinations == set(), within=2)


def test_a_cable_pulled_for_a_moment_costs_what_was_sent_meanwhile(pair: list[RoutedHost], lan: Lan) -> None:
    one, two = pair
    two.cable("down")
    time.sleep(2)
    assert not one.pings(two)
    two.cable("up")
    until(lambda: one.pings(two), within=10)
    until(lan.meshed)


def test_a_cable_pulled_for_longer_ends_the_connection_which_comes_back(pair: list[RoutedHost], lan: Lan) -> None:
    one, two = pair
    two.cable("down")
    assert until(lambda: one.connected == two.connected == 0) < 21
    assert one.destinations == {two.address}
    two.cable("up")
    assert until(lan.meshed) < 12
    until(lambda: one.pings(two), within=10)


def test_what_someone_takes_from_the_kernel_is_put_back(pair: list[RoutedHost]) -> None:
    one, two = pair
    two.space.call(vxlan.remove_vxlan)
    until(lambda: two.destinations == {one.address}, within=15)
    assert one.pings(two)


def test_connect_reaches_further_hosts_and_complains_about_the_rest(lan: Lan) -> None:
    one, two = lan.add(2)
    one.launch()
    two.launch()
    until(lambda: one.ready and two.ready)
    with pytest.raises(RouterError, match="invalid peer 'a b'"):
        one.ask(RouterClient.connect, ["a b", two.address])
    until(lan.meshed, within=5)
    assert one.ask(RouterClient.report)["Router"]["Targets"] == [two.address]
    one.ask(RouterClient.connect, ["192.0.2.77"], True)
    assert one.ask(RouterClient.status, "targets") == "192.0.2.77\n"


def test_the_status_is_what_weave_users_know(pair: list[RoutedHost]) -> None:
    one, two = pair
    name = one.ask(RouterClient.report)["Router"]["Name"]
    until(lambda: len(one.ask(RouterClient.status, "peers").splitlines()) == 4)
    lines = one.ask(RouterClient.status).splitlines()
    assert lines[1:4] == ["", "        Service: router", "       Protocol: weave-http 1"]
    assert f"           Name: {name}(host1)" in lines
    assert "    Connections: 1 (1 established)" in lines
    assert "          Peers: 2 (with 2 established connections)" in lines
    report = one.ask(RouterClient.report)["Router"]
    assert [peer["NickName"] for peer in sorted(report["Peers"], key=lambda peer: peer["NickName"])] == [
        "host1",
        "host2",
    ]
    assert report["Connections"][0]["State"] == "established"
    assert report["OverlayDiagnostics"]["fastdp"]["FloodDestinations"] == [two.address]
    assert one.router is not None
    one.router.send_signal(signal.SIGUSR1)
    until(lambda: "PeerDiscovery: enabled" in one.log.read_text())


def test_taken_ports_and_bad_arguments_are_one_line_and_exit_code_1(lan: Lan) -> None:
    (host,) = lan.add(1)
    for kind, port, words in (
        (socket.SOCK_STREAM, 6783, "TCP port 6783 is taken on this host"),
        (socket.SOCK_STREAM, 6784, "TCP port 6784 is taken on this host"),
        (socket.SOCK_DGRAM, 6784, "UDP port 6784, for data of peers, is taken on this host"),
    ):
        with host.space.call(socket.socket, socket.AF_INET, kind) as taken:
            taken.bind(("0.0.0.0", port))  # noqa: S104
            if kind == socket.SOCK_STREAM:
                taken.listen()
            code, text = host.refused()
            assert code == 1
            (line,) = text.splitlines()
            assert words in line
    for arguments, environ, words in (
        (("--port", "x"), {}, "invalid port 'x'"),
        (("h1:x",), {}, "invalid peer 'h1:x'"),
        ((), {"WEAVE_PASSWORD": "secret"}, "environment"),
    ):
        code, text = host.refused(*arguments, **environ)
        assert code == 1
        (line,) = text.splitlines()
        assert words in line
        assert "secret" not in line


def test_without_a_router_the_client_says_so(lan: Lan) -> None:
    (host,) = lan.add(1)
    with pytest.raises(RouterUnavailable):
        host.ask(RouterClient.status)


def test_twenty_routers_mesh_in_full(lan: Lan) -> None:
    first, *others = lan.add(20)
    first.launch()
    until(lambda: first.ready)
    for host in others:
        host.launch(first.address)
    until(lambda: all(host.ready for host in others), within=60)
    took = until(lan.meshed, within=30)
    memory = max(host.memory() for host in lan.hosts) / 1024
    print(f"twenty meshed {took:.2f} s after the last one was ready; at most {memory:.0f} MiB each")
    assert others[0].pings(others[-1])
    until(lambda: len(first.ask(RouterClient.report)["Router"]["Peers"]) == 20, within=5)


def test_a_dead_link_is_noticed_by_both_ends_and_a_hung_router_is_not_taken_for_one(
    pair: list[RoutedHost], lan: Lan
) -> None:
    one, two = pair
    assert two.router is not None
    two.router.send_signal(signal.SIGSTOP)
    time.sleep(5.0)
    assert one.connected == 1, "its kernel still acknowledges"
    two.router.send_signal(signal.SIGCONT)
    until(lambda: two.connected == 1)
    two.cable("down")
    took = [until(lambda host=host: host.connected == 0) for host in pair]  # type: ignore[misc]
    print(f"noticed after {took[0]:.2f} s, by the other end {took[1]:.2f} s later")
    assert sum(took) < 10, "less than silence alone takes"
    logs = [host.log.read_text() for host in pair]
    assert all("the link is dead: nothing acknowledged for" in log for log in logs), logs
    assert one.destinations == {two.address}, "data still goes there"
    two.cable("up")
    until(lan.meshed)


def test_routers_launched_at_once_with_one_seed_mesh_and_outlive_frozen_killed_and_seed(lan: Lan) -> None:
    hosts = lan.add(10)
    seed, frozen, killed = hosts[0], hosts[1:4], hosts[4:7]
    for host in hosts:
        host.launch(*([] if host is seed else [seed.address]))
    until(lambda: all(host.ready for host in hosts) and lan.meshed(), within=60)
    for host in frozen:
        assert host.router is not None
        host.router.send_signal(signal.SIGSTOP)
    for host in killed:
        host.end(signal.SIGKILL)
        host.launch(seed.address)
    others = [host for host in hosts if host not in frozen]
    until(lambda: all(host.ready and host.connected >= len(others) - 1 for host in others), within=60)
    for host in frozen:
        assert host.router is not None
        host.router.send_signal(signal.SIGCONT)
    until(lan.meshed, within=60)
    seed.end(signal.SIGKILL)
    until(lan.meshed, within=60)
    (killed_again, *_) = killed
    killed_again.end(signal.SIGKILL)
    killed_again.launch(frozen[0].address)
    until(lambda: killed_again.ready and lan.meshed(), within=60)
