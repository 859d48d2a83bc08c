"""The main job: containers on different hosts reach each other."""

from collections.abc import Sequence
from functools import partial

import pytest

from tests.hosts.conftest import NAMES
from tests.hosts.host import GUEST, PASSWORD, Host, eventually
from weave_http.records import replace
from weave_http.sandbox import Sandbox

AGAIN = 90.0
"""Seconds until a connection is there again: a router that went away often is dialled after up to a minute."""
_ESTABLISHED = "established encrypted" if PASSWORD else "established"


def meshed(host: Host, peers: int) -> bool:
    """Tell whether a host's router has established connections to so many peers, encrypted ones with a password."""
    return host.try_weave("status", "connections").stdout.count(_ESTABLISHED) >= peers


def joined(*hosts: Host, chain: bool = False, flags: Sequence[str] = ()) -> None:
    """Launch Weave on hosts: all told of the first, or each told of the one before only; wait for the full mesh.

    Args:
        hosts: in the order in which they are launched.
        chain: whether each is told of the one before.
        flags: of each launch.
    """
    hosts[0].weave("launch", *flags)
    for index, host in enumerate(hosts[1:]):
        host.weave("launch", *flags, hosts[index if chain else 0].address)
    for host in hosts:
        assert eventually(partial(meshed, host, len(hosts) - 1)), host.weave("status", "connections")


@pytest.fixture
def pair(trio: list[Host]) -> tuple[Host, Host]:
    """Two hosts with Weave, and a container `box` with 10.2.1.1 and 10.2.1.2 on them."""
    one, two, _ = trio
    joined(one, two)
    one.weave("run", "10.2.1.1/24", "--name", "box", GUEST, "sleep", "3600")
    two.weave("run", "10.2.1.2/24", "--name", "box", GUEST, "sleep", "3600")
    return one, two


@pytest.fixture(scope="module")
def boxes(kept: Sandbox) -> list[Host]:
    """Three hosts with Weave, each told of the one before, and on each a container `box`: 10.2.1.1 to 10.2.1.3."""
    hosts = [Host(kept, name) for name in NAMES]
    joined(*hosts, chain=True)
    for number, host in enumerate(hosts, start=1):
        host.weave("run", f"10.2.1.{number}/24", "--name", "box", GUEST, "sleep", "3600")
    return hosts


def test_a_third_peer_is_found_through_the_second(boxes: list[Host]) -> None:
    for host in boxes:
        for number in (1, 2, 3):
            assert host.pings("box", f"10.2.1.{number}"), f"{host.name} to 10.2.1.{number}"


@pytest.mark.parametrize("unix", [False, True], ids=["tls", "unix"])
def test_ping_and_tcp_both_ways_through_each_transport(boxes: list[Host], unix: bool) -> None:
    one, two, _ = (replace(host, unix=unix) for host in boxes)
    id1 = one.weave("run", "10.2.3.1/24", "--name", "c1", GUEST, "sleep", "3600").strip()
    two.weave("run", "10.2.3.2/24", "--name", "c2", GUEST, "sleep", "3600")
    assert len(id1) == 64
    assert one.pings("c1", "10.2.3.2")
    assert two.pings("c2", "10.2.3.1")
    for server, client, name, peer, address in (
        (one, two, "c1", "c2", "10.2.3.1"),
        (two, one, "c2", "c1", "10.2.3.2"),
    ):
        server.shell(f"docker exec -d {name} sh -c 'echo hello from {name} | nc -l -p 5000'")
        said = client.inside(peer, f"for i in 1 2 3 4 5; do nc {address} 5000 </dev/null && break; sleep 0.2; done")
        assert said == f"hello from {name}\n"
    one.shell("docker rm -f c1")
    two.shell("docker rm -f c2")


def test_packets_of_every_size_cross(boxes: list[Host]) -> None:
    one, two, _ = boxes
    for size in (1, 1362, 1363, 1400, 1422, 1423, 8000):
        assert one.pings("box", "10.2.1.2", size=size), size
        assert two.pings("box", "10.2.1.1", size=size), size


def test_a_hundred_megabytes_arrive_as_they_were_sent(boxes: list[Host]) -> None:
    one, two, _ = boxes
    two.shell("docker exec -d box nc -l -p 5001 -e sha256sum")
    sums = one.inside(
        "box",
        "dd if=/dev/urandom of=/tmp/blob bs=1M count=100 2>/dev/null; sha256sum < /tmp/blob;"
        " nc 10.2.1.2 5001 < /tmp/blob",
    ).splitlines()
    assert len(sums) == 2
    assert sums[0] == sums[1]


@pytest.mark.not_podman(reason="its rules drop answers to a broadcast, which are no answers to conntrack")
def test_broadcast_and_multicast_cross(boxes: list[Host]) -> None:
    one, two, _ = boxes
    pid = two.shell("docker inspect -f '{{.State.Pid}}' box").strip()
    two.shell(f"nsenter -t {pid} -n sysctl -qw net.ipv4.icmp_echo_ignore_broadcasts=0")
    for group in ("10.2.1.255", "224.0.0.1"):
        answer = one.try_shell(
            f"nsenter -t $(docker inspect -f '{{{{.State.Pid}}}}' box) -n ping -b -c 2 -W 2 {group}"
        ).stdout
        assert "from 10.2.1.2" in answer, answer


def test_subnets_do_not_reach_each_other(boxes: list[Host]) -> None:
    one, two, _ = boxes
    one.weave("run", "10.2.2.1/24", "--name", "other", GUEST, "sleep", "3600")
    assert not one.pings("other", "10.2.1.1", count=1, wait=1)
    assert not one.pings("other", "10.2.1.2", count=1, wait=1)
    assert not two.pings("box", "10.2.2.1", count=1, wait=1)
    one.shell("docker rm -f other")


@pytest.mark.not_podman(reason="it leaves FORWARD's policy at ACCEPT")
def test_the_hosts_have_the_firewall_of_real_hosts(boxes: list[Host]) -> None:
    for host in boxes:
        assert "-P FORWARD DROP" in host.shell("iptables -S FORWARD")
        assert host.shell("cat /proc/sys/net/bridge/bridge-nf-call-iptables").strip() == "1"
