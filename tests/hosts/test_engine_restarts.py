"""The engine of a host with many containers restarts: how soon all are on the network again, and what that costs."""

from __future__ import annotations

import os
import time

import pytest

from tests.hosts.host import GUEST, Host, eventually, live_restore
from tests.hosts.test_day import drive, start_all
from tests.hosts.test_network import AGAIN, joined, meshed
from tests.hosts.test_survival import LongPing
from weave_http.sandbox import host as sandbox_host

CONTAINERS = int(os.environ.get("WEAVE_TEST_RESTARTED", "10"))
"""How many; `make restarts` has two hundred."""
SECONDS = 30.0
"""In which all must be on the network again, from the engine's first answer."""

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(1200),
    pytest.mark.not_podman(reason="Podman has no daemon whose restart containers would notice"),
]


@pytest.fixture
def crowded(trio: list[Host], monkeypatch: pytest.MonkeyPatch) -> tuple[Host, Host, list[str]]:
    """A host with many containers on the network, one with the container `far`, and the addresses of the many."""
    # An engine answers when it has started all its containers.
    monkeypatch.setattr(sandbox_host, "ENGINE_SECONDS", sandbox_host.ENGINE_SECONDS + 2.0 * CONTAINERS)
    one, two, _ = trio
    joined(one, two)
    two.weave("run", "10.40.9.1/16", "--name", "far", GUEST, "sleep", "36000")
    ids = start_all(one, CONTAINERS, restart="always")
    addresses = [f"10.40.{number // 200}.{number % 200 + 1}/16" for number in range(CONTAINERS)]
    drive(one, [["attach", address, identity] for address, identity in zip(addresses, ids, strict=True)])
    assert shown(one) == {identity[:12]: address for identity, address in zip(ids, addresses, strict=True)}
    return one, two, addresses


def shown(host: Host) -> dict[str, str]:
    """Return the addresses that containers have, by the first digits of their ids."""
    lines = [line.split() for line in host.weave("ps").splitlines()]
    return {words[0]: " ".join(words[2:]) for words in lines if words[0] != "weave:expose"}


def ports(host: Host) -> int:
    """Return how many containers hang on the bridge."""
    return int(host.shell("ls /sys/class/net/weave/brif 2>/dev/null | grep -c vethwe || true"))


def pids(host: Host) -> set[str]:
    """Return the process ids of the many containers and of the router."""
    many = host.shell("docker ps -q --filter name=^/day | xargs docker inspect -f '{{.State.Pid}}'").split()
    return {host.router_pid(), *many}


def spent(host: Host) -> float:
    """Return the processor time that the router took since it started, in seconds."""
    stat = host.shell(f"cat /proc/{host.router_pid()}/stat").rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


def all_are_reached(one: Host, two: Host, addresses: list[str]) -> None:
    """Check that each container answers a ping from the other host, once the hosts are connected again."""
    assert eventually(lambda: meshed(one, 1) and meshed(two, 1), seconds=AGAIN)
    plain = [address.partition("/")[0] for address in addresses]
    assert eventually(lambda: two.pings("far", plain[0], count=1, wait=1))
    line = f"for ip in {' '.join(plain)}; do ping -q -c 1 -W 2 $ip >/dev/null || echo $ip; done"
    assert two.inside("far", line) == "", "these are silent"


def say(what: str, seconds: float, processor: float) -> None:
    """Print the figures, and under which load of the machine they came about."""
    load = os.getloadavg()[0]
    print(f"{CONTAINERS} containers, {what}: {seconds:.1f} s, {processor:.1f} s of processor, load {load:.0f}")


def test_containers_that_an_engine_starts_again_are_soon_on_the_network(crowded: tuple[Host, Host, list[str]]) -> None:
    one, two, addresses = crowded
    before, old = shown(one), pids(one)
    one.sandbox.engine_restart(one.name)
    began = time.monotonic()
    assert eventually(lambda: ports(one) == CONTAINERS, seconds=SECONDS)
    say("started again by the engine", time.monotonic() - began, spent(one))
    assert eventually(lambda: shown(one) == before, seconds=5)
    assert not old & pids(one), "they ended"
    all_are_reached(one, two, addresses)


def test_containers_that_outlive_their_engine_lose_no_packet_and_are_followed_again(
    crowded: tuple[Host, Host, list[str]],
) -> None:
    one, two, addresses = crowded
    with live_restore(one):
        before, old, processor = shown(one), pids(one), spent(one)
        ping = LongPing(two, addresses[-1].partition("/")[0], "far")
        one.sandbox.engine_restart(one.name)
        began = time.monotonic()
        status = "curl -s http://127.0.0.1:6784/status"
        assert eventually(lambda: "Engine: lost" not in one.shell(status), seconds=SECONDS)
        say("outlived their engine", time.monotonic() - began, spent(one) - processor)
        assert ping.lost() == 0
        assert (shown(one), pids(one)) == (before, old)
        one.shell("docker restart -t 0 day0 >/dev/null")
        assert eventually(lambda: shown(one) == before), "what happens to them is heard again"
        all_are_reached(one, two, addresses)
