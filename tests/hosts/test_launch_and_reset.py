"""What keeps a router from being launched, and that `reset` leaves a host as it was found."""

import subprocess

import pytest

from tests.hosts.host import GUEST, Host
from tests.hosts.test_network import joined


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
