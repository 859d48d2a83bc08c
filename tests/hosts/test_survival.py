"""What the network outlives: cables, crashes and restarts; and what `stop` and `reset` leave."""

import subprocess
from signal import SIGINT, SIGTERM

import pytest

from tests.hosts.host import GUEST, Host, eventually
from tests.hosts.test_network import AGAIN, joined, meshed, pair
from tests.ping_log import lost_in

__all__ = ["pair"]


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


def test_after_a_restart_of_dockerd_the_network_works_again(trio: list[Host]) -> None:
    one, two, _ = trio
    joined(one, two)
    for number, host in ((1, one), (2, two)):
        host.weave(
            *f"run 10.2.1.{number}/24 --name box --restart always {GUEST} sleep 3600".split(),
        )
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
    assert one.weave("stop") == ""
    assert one.pings("box", "10.2.1.9")
    assert not one.pings("box", "10.2.1.2", count=1, wait=1)
    again = one.try_weave("stop")
    assert (again.returncode, again.stderr.count("\n")) == (0, 1)
    one.weave("launch", two.address)
    assert eventually(lambda: one.pings("box", "10.2.1.2", count=1, wait=1))


def host_state(host: Host) -> str:
    """Links, addresses, routes, rules and sysctls of a host, without counters and what Docker numbers anew."""
    return host.shell(
        "ip -o link | sed 's/^[0-9]*: //; s/ qlen.*//' | grep -vE 'veth|^docker0' | sort;"
        " ip -o -4 addr | sed 's/^[0-9]*: //'; ip route | sed 's/ linkdown//';"
        " iptables-nft-save | grep -v '^#' | sed 's/\\[.*\\]//';"
        " iptables-legacy-save 2>/dev/null | grep -v '^#' || true;"
        " sysctl -a 2>/dev/null | grep -E '^net\\.(ipv4\\.(ip_forward|conf\\.(all|default))|bridge)' | sort;"
        " ls /var/run/netns 2>/dev/null || true"
    )


def test_reset_leaves_the_host_as_it_was_found(trio: list[Host]) -> None:
    one, two, _ = trio
    before = host_state(one)
    joined(one, two)
    one.weave("run", "10.2.1.1/24", "--name", "box", GUEST, "sleep", "3600")
    one.weave("reset")
    one.shell("docker rm -f box")
    assert host_state(one) == before
    assert one.left_overs() == ""
    assert one.weave("reset") == ""


@pytest.mark.parametrize("number", [SIGINT, SIGTERM])
def test_a_signal_ends_the_router_leaving_the_network_alone(pair: tuple[Host, Host], number: int) -> None:
    one, _ = pair
    one.kill_router(number)
    assert one.pings("box", "10.2.1.2")


def test_launch_twice_is_refused(host: Host) -> None:
    first = host.weave("launch").strip()
    assert len(first) == 64
    done = host.try_weave("launch")
    assert (done.returncode, done.stdout) == (3, "")
    assert "already running" in done.stderr
    assert host.shell("docker inspect -f '{{.Id}}' weave").strip() == first


def test_launch_after_a_crash_takes_the_dead_container_away(host: Host) -> None:
    first = host.weave("launch").strip()
    host.shell("docker stop -t 1 weave")
    second = host.weave("launch").strip()
    assert first != second


def test_a_foreign_container_called_weave_is_not_touched(host: Host) -> None:
    foreign = host.start("weave")
    for command, code, lines in ((["launch"], 2, 1), (["status"], 1, 1), (["stop"], 0, 1), (["reset"], 0, 0)):
        done = host.try_weave(*command)
        assert (done.returncode, done.stderr.count("\n")) == (code, lines), (command, done)
        assert host.shell("docker inspect -f '{{.State.Running}} {{.Id}}' weave").split() == ["true", foreign], command
    assert "weave-guest" in host.try_weave("launch").stderr


@pytest.mark.parametrize("port", [6783, 6784])
def test_a_taken_port_is_named_and_nothing_is_left(host: Host, port: int) -> None:
    bind = "" if port == 6783 else "127.0.0.1"
    host.shell(
        f"setsid python3 -c 'import socket,time; s=socket.create_server((\"{bind}\",{port})); time.sleep(60)'"
        " >/dev/null 2>&1 & echo $! > /tmp/taker.pid; sleep 0.3"
    )
    try:
        done = host.try_weave("launch")
    finally:
        host.shell("pkill -F /tmp/taker.pid || kill $(pgrep -f create_server)")
    assert done.returncode == 1
    assert str(port) in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert host.try_shell("docker container inspect weave").returncode != 0


def test_status_without_a_router_is_one_line(host: Host) -> None:
    done: subprocess.CompletedProcess[str] = host.try_weave("status")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
