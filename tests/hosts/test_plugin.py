"""Docker's own `docker network` and `docker run --net weave`: the network of `weave attach`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from signal import SIGKILL, SIGTERM

import pytest

from tests.hosts.host import GUEST, Host, eventually
from tests.hosts.test_names import DNS
from tests.hosts.test_network import joined
from weave_http.sandbox import Sandbox

pytestmark = pytest.mark.not_podman(reason="its networks have no such plugins")
ENDS = "sh -c 'trap \"exit 0\" TERM; while :; do sleep 1; done'"
"""A program that ends when it is told to; otherwise an engine waits ten seconds for it."""
BACK = 10.0
"""Seconds after which containers are on the network again once the engine is up."""
WAITED = 14.0
"""Seconds that an engine takes at least if it waits for a plugin."""


@pytest.fixture
def plugged(clean: Sandbox) -> Iterator[tuple[Host, Host]]:
    """Two hosts whose containers are on the network `weave`, and off it before they are swept."""
    one, two = (Host(clean, name, unix=True) for name in ("host1", "host2"))
    joined(one, two)
    yield one, two
    for host in (one, two):
        host.shell("docker ps -aq --filter label=test | xargs -r docker rm -f >/dev/null")
        host.weave("reset")


def run(host: Host, name: str, *options: str, net: str = "weave") -> str:
    """Run a container on a network, and return its address there."""
    host.start(name, "--label test", f"--net {net}", *options, command=ENDS)
    return address(host, name, net)


def address(host: Host, name: str, net: str = "weave") -> str:
    """Return a container's address on a network, as the engine says it."""
    form = f'{{{{(index .NetworkSettings.Networks "{net}").IPAddress}}}}'
    return host.shell(f"docker inspect -f '{form}' {name}").strip()


def test_containers_of_docker_and_of_attach_are_on_one_network(plugged: tuple[Host, Host]) -> None:
    one, two = plugged
    here = run(one, "box", "--network-alias web", *DNS)
    there = run(two, "peer", "--ip 10.40.0.9", *DNS)
    two.start("plain", "--label test")
    attached = two.weave("attach", "plain").strip()
    assert there == "10.40.0.9"
    assert len({here, there, attached}) == 3
    assert [line.split()[2].partition("/")[0] for line in two.weave("ps", "peer", "plain").splitlines()] == [
        there,
        attached,
    ]
    assert one.pings("box", there)
    assert one.pings("box", attached)
    assert two.pings("plain", here)
    assert two.pings("plain", there)
    # one DNS: names and aliases of all hosts
    assert eventually(lambda: two.try_shell("docker exec peer ping -c 1 -W 2 web").returncode == 0)
    assert eventually(lambda: one.try_shell("docker exec box ping -c 1 -W 2 peer.weave.local").returncode == 0)
    # no address twice, whoever has it
    taken = two.try_shell(f"docker run --rm --label test --net weave --ip {attached} {GUEST} true")
    assert f"weave: {attached} is already owned" in taken.stderr
    elsewhere = one.try_shell(f"docker run --rm --label test --net weave --ip {there} {GUEST} true")
    assert "weave: 10.40.0.9 is owned by other peer" in elsewhere.stderr
    refused = two.try_weave("attach", f"{there}/12", "plain")
    assert "10.40.0.9 is already owned" in refused.stderr
    # a container comes and goes while it runs, and its names with it
    one.shell("docker network disconnect weave box")
    assert not one.pings("box", there, count=1, wait=1)
    assert eventually(lambda: "web" not in two.weave("status", "dns"))
    one.shell("docker network connect --alias again weave box")
    assert one.pings("box", there)
    assert eventually(lambda: "again" in two.weave("status", "dns"))
    other = one.try_shell("docker network create -d weave other")
    assert "weave: each engine would hand out the addresses" in other.stderr
    assert other.returncode != 0


def test_containers_are_back_after_a_restart_of_the_engine_or_the_host(plugged: tuple[Host, Host]) -> None:
    one, two = plugged
    run(one, "box", "--restart always")
    there = run(two, "peer")
    sandbox = one.sandbox
    for signum in (SIGTERM, SIGKILL, None):
        began = time.monotonic()
        if signum:
            sandbox.engine_stop(one.name, signum)
        stopped = time.monotonic()
        if signum:
            sandbox.engine_start(one.name)
        else:
            sandbox.reboot(one.name)
        up = time.monotonic()
        # An engine that waits for a plugin does it for fifteen seconds at least, at its end as at its start.
        assert stopped - began < WAITED
        assert up - stopped < WAITED
        assert eventually(lambda: one.pings("box", there, count=1, wait=1), seconds=60)
        assert time.monotonic() - up < BACK


def test_containers_stay_connected_without_a_router_and_reset_says_who(plugged: tuple[Host, Host]) -> None:
    one, two = plugged
    here, there = run(one, "box"), run(two, "peer")
    one.kill_router()
    # The engine waits for a router that restarts, and what was made before is known to the new one.
    run(one, "beside")
    assert one.pings("beside", there)
    one.weave("stop")
    assert one.pings("beside", here)
    done = one.try_weave("reset")
    assert done.returncode == 0
    assert "WARNING: the Docker network weave stays, these containers are on it: beside, box;" in done.stderr
    one.shell("docker rm -f box beside >/dev/null")
    one.weave("reset")
    assert one.shell("docker network ls -q --filter driver=weave") == ""
    files = "ls /etc/docker/plugins /run/docker/plugins/weave.sock 2>/dev/null || true"
    assert one.shell(files) == ""
    one.weave("launch", "--plugin=false")
    assert one.shell(files) == ""
