"""Plain docker through the proxy, in both of its homes, on a real engine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.hosts.host import GUEST, Done, Host, eventually
from weave_http import constants
from weave_http.sandbox import Sandbox

DIRECT = f"unix://{constants.DOCKER_SOCKET}"
SHOW = "ip -o -4 addr show dev ethwe"
Shell = Callable[[str], Done]
"""Runs a shell line in which docker speaks to a proxy, whatever comes of it."""


@contextmanager
def callers_proxy(host: Host, folder: Path, *options: str) -> Iterator[Shell]:
    """`weave proxy` on this machine, for a host that is reached over TLS."""
    path = folder / "weave.sock"
    with subprocess.Popen(
        [sys.executable, "-m", "weave_http", "proxy", "--socket", str(path), *options],
        env=host.environ(),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"export DOCKER_HOST=unix://{path}\n"
        environ = {**os.environ, "DOCKER_HOST": f"unix://{path}"}
        for name in ("DOCKER_TLS_VERIFY", "DOCKER_CONTEXT"):
            environ.pop(name, None)

        def shell(line: str) -> Done:
            return subprocess.run(
                ["sh", "-c", line], env=environ, capture_output=True, text=True, timeout=120, check=False
            )

        try:
            yield shell
        finally:
            process.terminate()
    assert not path.exists()


@pytest.fixture(params=["router", "caller"])
def proxied(request: pytest.FixtureRequest, clean: Sandbox, tmp_path: Path) -> Iterator[tuple[Host, Shell]]:
    """A host with a router, and what runs a line through the proxy there, or through one of the caller's."""
    host = Host(clean, "host1", unix=request.param == "router")
    host.weave("launch")
    if request.param == "caller":
        with callers_proxy(host, tmp_path) as shell:
            yield host, shell
        return
    said = host.weave("env").split()
    assert said[:2] == ["export", f"DOCKER_HOST=unix://{constants.PROXY_SOCKET}"]
    yield host, lambda line: host.try_shell(f"{' '.join(said[:2])}; {line}")


def done(shell: Shell, line: str) -> str:
    """Run a line, which must work, and return its output."""
    result = shell(line)
    assert result.returncode == 0, f"{line}: {result.returncode}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def test_containers_join_before_their_programs_start(proxied: tuple[Host, Shell]) -> None:
    host, shell = proxied
    assert "inet 10.32.0.1/12" in done(shell, f"docker run --rm {GUEST} {SHOW}")
    for asks in ("-e WEAVE_CIDR=10.2.1.1/24", "--label weave.cidr=10.2.1.1/24"):
        assert "inet 10.2.1.1/24" in done(shell, f"docker run --rm {asks} {GUEST} {SHOW}")
    assert "ethwe" not in done(shell, f"docker run --rm -e WEAVE_CIDR=none {GUEST} ip -o link")
    done(shell, f"docker run --rm --network host {GUEST} true")
    done(shell, f"docker run -d --name web -e WEAVE_CIDR=10.2.1.1/24 {GUEST} sleep 3600")
    seen = done(shell, f"docker run --rm --name c2 -e WEAVE_CIDR=10.2.1.2/24 {GUEST} ping -c 1 -W 5 web.weave.local")
    assert " 0% packet loss" in seen
    assert "10.2.1.1" in seen
    assert "10.2.1.1\tweave" not in (hosts := done(shell, "docker exec web cat /etc/hosts"))
    assert "10.2.1.1\tweb.weave.local web" in hosts
    done(shell, "docker restart -t 0 web")
    assert "inet 10.2.1.1/24" in done(shell, f"docker exec web {SHOW}")
    host.shell("docker stop -t 0 web; docker start web")
    assert eventually(lambda: "inet 10.2.1.1/24" in host.try_shell(f"docker exec web {SHOW}").stdout)


def test_one_that_can_not_join_does_not_run_and_docker_says_why(proxied: tuple[Host, Shell]) -> None:
    host, shell = proxied
    done(shell, f"docker run -d --name first -e WEAVE_CIDR=10.2.1.1/24 {GUEST} sleep 3600")
    second = shell(f"docker run -d --name second -e WEAVE_CIDR=10.2.1.1/24 {GUEST} sleep 3600")
    assert second.returncode == 125
    assert "weave: container second can't join the network, so it does not run: container first has" in second.stderr
    assert host.shell("docker inspect -f '{{.State.Running}}' second") == "false\n"
    bogus = shell(f"docker run -d --name third -e WEAVE_CIDR=bogus {GUEST} sleep 3600")
    assert (bogus.returncode, bogus.stdout) == (125, "")
    assert "weave: invalid CIDR 'bogus'" in bogus.stderr
    assert "third" not in host.shell("docker ps -a --format '{{.Names}}'")
    for program, code in (("nosuch", 127), ("/etc/passwd", 126)):
        for options in ("", "--rm"):
            assert shell(f"docker run {options} {GUEST} {program}").returncode == code


ALIKE = [
    f"docker run --rm -i {GUEST} sha256sum </usr/bin/env",
    f"docker run --rm {GUEST} sh -c 'echo out; echo err >&2; exit 7'",
    f"script -qec 'docker run -it --rm {GUEST} sh -c tty' /dev/null </dev/null",
    f"docker run -d --name one {GUEST} sleep 3600 | wc -c; docker rm -f one; docker exec one true",
    f"docker create -i --name one {GUEST} cat; echo typed | docker start -ai one; docker logs one; docker rm one",
    f"docker run -d --name one {GUEST} sh -c 'for i in 1 2 3; do echo $i; sleep 0.2; done' >/dev/null; "
    "docker logs -f one; docker wait one; docker rm one",
    f"docker run -d --name one {GUEST} sleep 3600 >/dev/null; echo in | docker exec -i one cat; docker exec one false; "
    "docker cp /usr/bin/env one:/copy; docker cp one:/copy - | tar -xO | sha256sum; docker top one -o args;"
    "docker kill one; docker rm one",
    f"d=$(mktemp -d); printf 'FROM {GUEST}\\nCOPY env /e\\nRUN sha256sum /e >/s\\nCMD cat /s\\n' >$d/Dockerfile; "
    "cp /usr/bin/env $d; DOCKER_BUILDKIT=0 docker build -q -t built $d 2>/dev/null; docker run --rm built; "
    "docker save built | docker load; docker rmi built; rm -r $d",
    "docker network create net1 | wc -c; docker network rm net1; docker volume create vol1; docker volume rm vol1",
    "docker inspect nosuch; docker start nosuch; docker rm nosuch; docker run --pull never nosuch:1; echo $?",
    "docker version --format '{{.Server.Version}}'; docker info --format '{{.ServerVersion}}'",
]


@pytest.mark.parametrize("proxied", ["caller"], indirect=True)  # which has TLS below, and else the same code
def test_docker_says_the_same_with_the_proxy_and_without(proxied: tuple[Host, Shell]) -> None:
    host, shell = proxied
    for line in ALIKE:
        direct = host.try_shell(f"export DOCKER_HOST={DIRECT}; {line}")
        through = shell(line)
        assert _said(through) == _said(direct), line


def _said(result: Done) -> tuple[int, str, str]:
    """What is the same in two runs: the ids that the engine makes are not."""
    lines = [line for line in result.stdout.splitlines() if not (line.startswith("sha256:") or len(line) == 64)]
    errors = [line for line in result.stderr.splitlines() if "Unable to find" not in line]
    lines = [line for line in lines if not line.startswith(("Deleted:", "Untagged:"))]
    return result.returncode, "\n".join(lines), "\n".join(errors)


def test_a_hundred_followers_of_events_each_hear_all(clean: Sandbox, tmp_path: Path) -> None:
    host = Host(clean, "host1")
    host.weave("launch")
    with callers_proxy(host, tmp_path), ExitStack() as scope:
        followers = []
        for _ in range(100):
            follower = scope.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            follower.settimeout(60)
            follower.connect(str(tmp_path / "weave.sock"))
            follower.sendall(b'GET /events?filters={"event":["tag"]} HTTP/1.1\r\nHost: docker\r\n\r\n')
            followers.append(follower)
        for follower in followers:
            assert follower.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n")
        host.shell(f"docker tag {GUEST} tagged:1; docker rmi tagged:1")
        for follower in followers:
            assert b"tagged:1" in follower.recv(4096)
            follower.close()
        daemon = "ls -l /proc/$(pidof dockerd)/fd | grep -c socket"
        assert eventually(lambda: int(host.shell(daemon)) < 60)


def test_the_proxy_s_options_make_hostnames_and_change_inspect(trio: list[Host], tmp_path: Path) -> None:
    host = trio[0]
    host.weave("launch", "--proxy=false")
    assert host.try_shell(f"test -e {constants.PROXY_SOCKET}").returncode == 1
    assert host.try_weave("config").returncode == 1
    options = ("--rewrite-inspect", "--no-default-ipalloc", "--hostname-from-label", "role")
    with callers_proxy(
        host, tmp_path, *options, "--hostname-match", "^the-(.*)$", "--hostname-replacement", "${1}1"
    ) as run:
        assert "ethwe" not in done(run, f"docker run --rm {GUEST} ip -o link")
        done(run, f"docker run -d --name one --label role=the-db -e WEAVE_CIDR=10.2.1.1/24 {GUEST} sleep 3600")
        assert done(run, "docker exec one hostname").startswith("db1")
        seen = done(run, "docker inspect -f '{{.NetworkSettings.Networks.bridge.IPAddress}}' one")
        assert seen == "10.2.1.1\n"


def test_without_a_router_there_is_no_proxy_and_docker_says_so(host: Host) -> None:
    host.weave("launch")
    host.weave("stop")
    away = host.try_shell(f"docker -H unix://{constants.PROXY_SOCKET} ps")
    assert away.returncode == 1
    assert "Cannot connect to the Docker daemon" in away.stderr
    assert host.weave("env") == ""
