"""What a host remembers, and how it gets on when its memory or its engine is taken away."""

from __future__ import annotations

import json

import pytest

from tests.hosts.host import GUEST, Host, eventually, live_restore
from tests.hosts.test_names import DNS, dig, inhabited, took
from tests.hosts.test_network import pair

__all__ = ["pair"]


def named(host: Host, cidr: str, name: str) -> str:
    """Run a container with a hostname within the domain through weave; return its id."""
    line = f"run {cidr} --name {name} --hostname {name}.weave.local {' '.join(DNS)} {GUEST} sleep 3600"
    return host.weave(*line.split()).strip()


def test_a_name_given_by_hand_outlives_its_containers_restart_and_goes_with_it(host: Host) -> None:
    inhabited(host)
    host.weave("launch")
    named(host, "10.2.1.1/24", "c1")
    host.weave("dns-add", "c1", "-h", "extra.weave.local")
    took(host, "extra.weave.local", ["10.2.1.1"])
    host.shell("docker stop -t 0 c1")
    took(host, "extra.weave.local", [], seconds=3)
    host.shell("docker start c1")
    took(host, "extra.weave.local", ["10.2.1.1"], seconds=3)
    took(host, "c1.weave.local", ["10.2.1.1"], seconds=3)
    host.shell("docker restart -t 0 weave")
    assert eventually(lambda: host.try_weave("status").returncode == 0)
    took(host, "extra.weave.local", ["10.2.1.1"], seconds=10)
    host.shell("docker rm -f c1")
    took(host, "extra.weave.local", [], seconds=3)


def test_a_launch_takes_over_what_is_on_the_network_when_the_memory_was_removed(pair: tuple[Host, Host]) -> None:
    one, two = pair
    container = named(one, "10.2.1.9/24", "c9")
    one.weave("stop")
    one.shell("docker rm weave; docker volume rm weavedb")
    one.weave("launch", two.address)
    assert eventually(lambda: container in json.loads(one.weave("report"))["Attachments"])
    took(two, "c9.weave.local", ["10.2.1.9"])
    one.shell("docker restart -t 0 c9 box")
    assert eventually(lambda: two.pings("box", "10.2.1.9", count=1, wait=1))
    assert eventually(lambda: two.pings("box", "10.2.1.1", count=1, wait=1))


def test_an_mtu_that_was_wished_for_ends_with_its_router(host: Host) -> None:
    host.weave("launch", WEAVE_MTU="600")
    assert "MTU: 600\n" in host.weave("status")
    host.weave("stop")
    host.weave("launch")
    assert "MTU: 1450\n" in host.weave("status")
    assert "mtu 1450" in host.shell("ip link show weave")


@pytest.mark.not_podman(reason="Podman's service ends whenever nobody asks it; its containers live on")
def test_containers_live_through_a_dockerd_that_is_killed_and_what_follows_is_heard(pair: tuple[Host, Host]) -> None:
    one, two = pair
    named(one, "10.2.1.9/24", "c9")
    took(one, "c9.weave.local", ["10.2.1.9"])
    with live_restore(one):
        router = one.router_pid()
        one.shell("kill -KILL $(pidof dockerd)")
        # The router is asked where it is, as there is no engine to start an executor.
        status = "curl -s http://127.0.0.1:6784/status"
        assert eventually(lambda: "Engine: lost since " in one.shell(status)), one.shell(status)
        one.sandbox.engine_restart(one.name)
        assert one.router_pid() == router, "it lived on"
        assert eventually(lambda: "Engine: lost" not in one.shell(status)), one.shell(status)
        one.shell("docker restart -t 0 c9")
        assert eventually(lambda: two.pings("box", "10.2.1.9", count=1, wait=1))
        took(two, "c9.weave.local", ["10.2.1.9"], seconds=5)
        one.shell("docker rm -f c9")
        assert eventually(lambda: dig(two, "c9.weave.local") == [], seconds=5)
