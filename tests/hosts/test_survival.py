"""What the network outlives: cables, crashes and restarts of routers, containers and engines, and `stop`."""

import json
from signal import SIGINT, SIGTERM

import pytest

from tests.hosts.conftest import NAMES
from tests.hosts.host import GUEST, Host, eventually
from tests.hosts.test_network import AGAIN, joined, meshed
from tests.ping_log import lost_in
from weave_http.sandbox import Sandbox


@pytest.fixture(scope="module")
def both(kept: Sandbox) -> tuple[Host, Host]:
    """Two hosts with Weave, and a container `box` with 10.2.1.1 and 10.2.1.2 on them, for all tests of this file."""
    one, two = (Host(kept, name) for name in NAMES[:2])
    joined(one, two)
    for number, host in enumerate((one, two), start=1):
        host.weave(*f"run 10.2.1.{number}/24 --name box --restart always {GUEST} sleep 3600".split())
    return one, two


@pytest.fixture
def pair(both: tuple[Host, Host]) -> tuple[Host, Host]:
    """Those hosts, once they are connected again."""
    for host in both:
        assert eventually(lambda host=host: meshed(host, 1), seconds=AGAIN)  # type: ignore[misc]
    return both


class LongPing:
    """A ping that runs while something happens, every 100 ms, from a container of a host."""

    def __init__(self, host: Host, address: str, container: str = "box") -> None:
        self._host = host
        pid = host.shell(f"docker inspect -f '{{{{.State.Pid}}}}' {container}").strip()
        host.shell(f"nsenter -t {pid} -n ping -i 0.1 -W 1 {address} > /tmp/ping.log 2>&1 & echo $! > /tmp/ping.pid")

    def lost(self) -> int:
        """End it and return how many packets were lost."""
        self._host.shell("kill -INT $(cat /tmp/ping.pid); sleep 0.3")
        log = self._host.shell("cat /tmp/ping.log")
        assert log.count("icmp_seq=") >= 10
        return lost_in(log)


def test_a_router_restart_does_not_interrupt_a_ping(pair: tuple[Host, Host]) -> None:
    one, two = pair
    assert one.pings("box", "10.2.1.2")
    ping = LongPing(one, "10.2.1.2")
    for host in pair:
        host.shell("docker restart -t 2 weave >/dev/null")
        assert eventually(lambda: meshed(one, 1) and meshed(two, 1), seconds=AGAIN)
    assert ping.lost() == 0


def test_a_router_killed_with_9_comes_back_and_the_ping_goes_on(pair: tuple[Host, Host]) -> None:
    one, two = pair
    assert one.pings("box", "10.2.1.2")
    before = one.router_pid()
    ping = LongPing(one, "10.2.1.2")
    one.kill_router()
    assert eventually(lambda: one.router_pid() not in ("0", before), seconds=30)
    assert eventually(lambda: meshed(one, 1) and meshed(two, 1), seconds=AGAIN)
    assert ping.lost() == 0


def test_a_pulled_cable_heals(pair: tuple[Host, Host]) -> None:
    one, two = pair
    one.sandbox.cable(one.name, up=False)
    assert not two.pings("box", "10.2.1.1", count=1, wait=1)
    one.sandbox.cable(one.name, up=True)
    assert eventually(lambda: two.pings("box", "10.2.1.1", count=1, wait=1), seconds=30)
    assert eventually(lambda: meshed(one, 1) and meshed(two, 1), seconds=AGAIN)


def test_after_a_restart_of_dockerd_the_network_works_again(pair: tuple[Host, Host]) -> None:
    one, two = pair
    assert one.pings("box", "10.2.1.2")
    one.sandbox.engine_restart(one.name)
    assert eventually(lambda: one.pings("box", "10.2.1.2", count=1, wait=1), seconds=60)
    assert two.pings("box", "10.2.1.1")
    assert eventually(lambda: meshed(one, 1) and meshed(two, 1), seconds=AGAIN)


def test_a_container_that_is_restarted_is_joined_again(pair: tuple[Host, Host]) -> None:
    one, two = pair
    one.shell("docker restart -t 0 box >/dev/null")
    assert eventually(lambda: two.pings("box", "10.2.1.1", count=1, wait=1))
    one.weave("detach", "10.2.1.1/24", "box")
    one.shell("docker restart -t 0 box >/dev/null")
    assert not eventually(lambda: one.weave("ps", "box") != "", seconds=2), "detached, but joined again"
    one.weave("attach", "10.2.1.1/24", "box")


def test_the_address_of_a_removed_container_answers_no_more(pair: tuple[Host, Host]) -> None:
    one, two = pair
    delete = "curl -s -X DELETE --unix-socket /run/docker.sock http://engine/v1.41/containers/brief?force=1"
    for _ in range(4):
        one.weave(*f"run 10.2.1.3/24 --name brief --stop-signal KILL {GUEST} sleep 3600".split())
        assert two.pings("box", "10.2.1.3")
        one.shell(delete)
        assert eventually(lambda: not two.pings("box", "10.2.1.3", count=1, wait=1), seconds=10)


def test_stop_leaves_the_traffic_of_one_host(pair: tuple[Host, Host]) -> None:
    one, two = pair
    one.weave("run", "10.2.1.9/24", "--name", "near", GUEST, "sleep", "3600")
    one.weave("expose", "10.2.1.6/24", "10.2.1.7/24")
    assert one.weave("stop") == ""
    assert one.pings("box", "10.2.1.9")
    assert not one.pings("box", "10.2.1.2", count=1, wait=1)
    again = one.try_weave("stop")
    assert (again.returncode, again.stderr.count("\n")) == (0, 1)
    # What is taken away by hand meanwhile stays away, also when the container starts again.
    one.weave("run", "10.2.1.8/24", "--name", "kept", GUEST, "sleep", "3600")
    assert one.weave("detach", "10.2.1.9/24", "near") == "10.2.1.9\n"
    assert one.weave("hide", "10.2.1.7/24") == "10.2.1.7\n"
    assert "10.2.1.7" not in one.weave("ps", "weave:expose")
    one.shell("docker restart -t 0 near >/dev/null")
    one.weave("launch", two.address)
    assert eventually(lambda: one.pings("box", "10.2.1.2", count=1, wait=1))
    assert eventually(lambda: one.weave("ps", "kept") != "")
    assert one.weave("ps", "near") == ""
    assert json.loads(one.weave("report"))["Exposed"].keys() == {"10.2.1.6/24"}
    assert eventually(lambda: two.pings("box", "10.2.1.6", count=1, wait=1))
    assert not two.pings("box", "10.2.1.7", count=1, wait=1)
    one.weave("hide", "10.2.1.6/24")
    assert "withdrawn" not in one.shell("ls $(docker volume inspect -f '{{.Mountpoint}}' weavedb)")
    one.shell("docker rm -f near kept")


@pytest.mark.parametrize("number", [SIGINT, SIGTERM])
def test_a_signal_ends_the_router_leaving_the_network_alone(pair: tuple[Host, Host], number: int) -> None:
    one, _ = pair
    one.kill_router(number)
    assert one.pings("box", "10.2.1.2")
