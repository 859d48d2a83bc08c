"""On a kernel that has WireGuard, data between hosts with a password goes through it, and nothing in the clear."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts.host import Host
from tests.router.hosts import until
from tests.router.private_lan import PrivateLan, meshed
from tests.router.test_tunnels import FULL
from tests.vm.main_job import main_job
from weave_http.host.router_client import RouterClient

PASSWORD = "correct horse battery staple and a good deal more"


@pytest.fixture
def lan(tmp_path: Path) -> Iterator[PrivateLan]:
    """Routers in namespaces that find no wireguard-go: what encrypts there can only be the kernel."""
    with PrivateLan(tmp_path, tmp_path / "no-programs") as lan:
        yield lan


def test_routers_take_the_kernels_wireguard_and_frames_go_through_it(lan: PrivateLan) -> None:
    one, two = meshed(lan, 2)
    until(lambda: " established encrypted kernel fastdp " in one.ask(RouterClient.status, "connections"))
    assert one.ask(RouterClient.report)["Overlay"]["Encryption"] == "kernel"
    assert "wireguard" in one.space.run("ip -d link show dev weave-wg")
    with lan.watched() as seen:
        assert one.pings(two, FULL)
        assert two.pings(one, FULL)
    assert seen.udp
    assert 6784 not in seen.ports, "the overlay's own port is never seen on the LAN"


def test_containers_of_two_hosts_with_a_password_reach_each_other(network: tuple[Host, Host]) -> None:
    one, two = network
    main_job(one, two, WEAVE_PASSWORD=PASSWORD)
    for host in network:
        assert " encrypted kernel " in host.weave("status", "connections")
        assert PASSWORD not in host.shell("docker inspect $(docker ps -aq); ps axeww")
