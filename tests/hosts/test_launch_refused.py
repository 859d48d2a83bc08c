"""What keeps a router from being launched."""

import subprocess

import pytest

from tests.hosts.host import Host


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
