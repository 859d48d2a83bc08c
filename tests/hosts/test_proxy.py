"""Plain docker, and what else speaks its API, through the proxy in both of its homes, on real engines.

One launch for all tests: a host with a router whose proxy also listens by TCP, a proxy of the caller's before it, and a
second host where docker is spoken to directly, to compare with.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.hosts.conftest import swept, without_containers
from tests.hosts.host import GUEST, Done, Host, eventually
from tests.hosts.test_readme import end_ssh, serve_ssh
from weave_http import constants
from weave_http.records import dataclass
from weave_http.sandbox import Sandbox

DIRECT = f"unix://{constants.DOCKER_SOCKET}"
SHOW = "ip -o -4 addr show dev ethwe"
TCP = constants.PROXY_PORT
Shell = Callable[[str], Done]
"""Runs a shell line in which docker speaks to some daemon, whatever comes of it."""
DOCKERS = ("DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_CONTEXT")


def shell_of(environ: dict[str, str]) -> Shell:
    """What runs a line on this machine."""

    def shell(line: str) -> Done:
        return subprocess.run(["sh", "-c", line], env=environ, capture_output=True, text=True, timeout=120, check=False)

    return shell


def from_outside(host: Host) -> Shell:
    """What runs a line on this machine, with docker speaking to the host's router."""
    environ = {name: value for name, value in os.environ.items() if name not in DOCKERS}
    path = f"/proc/{host.sandbox.host(host.name).pid}/root{constants.PROXY_SOCKET.removeprefix('/var')}"
    return shell_of({**environ, "DOCKER_HOST": f"unix://{path}"})


@contextmanager
def callers_proxy(environ: dict[str, str], folder: Path, *options: str) -> Iterator[Shell]:
    """`weave proxy` on this machine."""
    path = folder / "weave.sock"
    with subprocess.Popen(
        [sys.executable, "-m", "weave_http", "proxy", "--socket", str(path), *options],
        env=environ,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"export DOCKER_HOST=unix://{path}\n"
        own = {**os.environ, "DOCKER_HOST": f"unix://{path}"}
        try:
            yield shell_of({name: value for name, value in own.items() if name not in DOCKERS})
        finally:
            process.terminate()
    assert process.returncode == 0
    assert not path.exists()


@dataclass(frozen=True)
class Proxies:
    """Where docker is spoken to.

    Args:
        host: with a router.
        other: without.
        socket: of the caller's proxy.
        ways: a line through the router's proxy on the host, through the caller's, and to the other host directly.
    """

    host: Host
    other: Host
    socket: Path
    ways: dict[str, Shell]


@pytest.fixture(scope="module")
def proxies(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxies]:
    host, other = Host(sandbox, "host1"), Host(sandbox, "host2")
    folder = tmp_path_factory.mktemp("proxy")
    tcp = () if host.has_podman else ("-H", f"tcp://0.0.0.0:{TCP}")
    host.weave("launch", *tcp)
    exported = " ".join(Host(sandbox, "host1", unix=True).weave("env").split()[:2])
    assert exported == f"export DOCKER_HOST=unix://{constants.PROXY_SOCKET}"
    with callers_proxy(host.environ(), folder) as shell:
        ways = {
            "router": from_outside(host) if host.has_podman else lambda line: host.try_shell(f"{exported}; {line}"),
            "caller": shell,
            "direct": shell_of(Host(sandbox, "host2", unix=True).environ()),
        }
        yield Proxies(host, other, folder / "weave.sock", ways)
    assert swept(sandbox) == {}


@pytest.fixture(autouse=True)
def own_containers(proxies: Proxies) -> Iterator[None]:
    """A test leaves no containers for the next one."""
    yield
    without_containers(proxies.host, proxies.other)


def done(shell: Shell, line: str) -> str:
    """Run a line, which must work, and return its output."""
    result = shell(line)
    assert result.returncode == 0, f"{line}: {result.returncode}\n{result.stdout}\n{result.stderr}"
    return result.stdout


@pytest.mark.parametrize("home", ["router", "caller"])
def test_containers_join_before_their_programs_start(proxies: Proxies, home: str) -> None:
    host, shell = proxies.host, proxies.ways[home]
    assert "inet 10.32.0." in done(shell, f"docker run --rm {GUEST} {SHOW}")
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


@pytest.mark.parametrize("home", ["router", "caller"])
def test_the_first_containers_of_a_host_may_be_made_at_once(proxies: Proxies, home: str) -> None:
    proxies.host.shell(f"docker ps -aq --filter label={constants.WAITER_VOLUMES} | xargs -r docker rm -fv")
    with ThreadPoolExecutor(8) as pool:
        line = f"docker run --rm -e WEAVE_CIDR=10.2.1.%d/24 {GUEST} {SHOW}"
        seen = list(pool.map(lambda number: done(proxies.ways[home], line % number), range(1, 9)))
    for number, shown in enumerate(seen, start=1):
        assert f"inet 10.2.1.{number}/24" in shown
    assert len(proxies.host.shell(f"docker ps -aq --filter label={constants.WAITER_VOLUMES}").split()) == 1


@pytest.mark.parametrize("home", ["router", "caller"])
def test_one_that_can_not_join_does_not_run_and_docker_says_why(proxies: Proxies, home: str) -> None:
    host, shell = proxies.host, proxies.ways[home]
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


DOCKERFILE = f"FROM {GUEST}\\nCOPY env /e\\nRUN sha256sum /e >/s\\nCMD cat /s\\n"
BUILD = f"d=$(mktemp -d); printf '{DOCKERFILE}' >$d/Dockerfile; cp /usr/bin/env $d"
KIT = "/usr/bin/docker"
"""Debian's, which has BuildKit's client in itself."""
ALIKE = [
    f"docker run --rm -i {GUEST} sha256sum </usr/bin/env",
    f"docker run --rm {GUEST} sh -c 'echo out; echo err >&2; exit 7'",
    f"script -qec 'docker run -it --rm {GUEST} sh -c tty' /dev/null </dev/null",
    f"docker run -d --name one {GUEST} sleep 3600 | wc -c; docker rm -f one; docker exec one true",
    f"docker create -i --name two {GUEST} cat; echo typed | docker start -ai two; docker logs two; docker rm two",
    f"docker run -d --name three {GUEST} sh -c 'for i in 1 2 3; do echo $i; sleep 0.2; done' >/dev/null; "
    "docker logs -f three; docker wait three; docker rm three",
    f"docker run -d --name four {GUEST} sleep 3600 >/dev/null; echo in | docker exec -i four cat; "
    "docker exec four false; docker cp /usr/bin/env four:/copy; docker cp four:/copy - | tar -xO | sha256sum; "
    "docker top four -o args; docker kill four; docker rm four",
    "docker network create net1 | wc -c; docker network rm net1; docker volume create vol1; docker volume rm vol1",
    "docker inspect nosuch; docker start nosuch; docker rm nosuch; docker run --pull never nosuch:1; echo $?",
    "docker version --format '{{.Server.Version}}'; docker info --format '{{.ServerVersion}}'",
]
BUILDS = [
    f"{BUILD}; DOCKER_BUILDKIT=0 docker build -q -t built $d 2>/dev/null; docker run --rm built; "
    "docker save built | docker load; docker rmi built; rm -r $d",
    f"{BUILD}; sed -i /RUN/d $d/Dockerfile; DOCKER_BUILDKIT=1 {KIT} build -q -t kit $d >/dev/null && "
    f"docker run --rm --pull never kit sha256sum /e && echo kit built; docker rmi kit; rm -r $d",
]


@pytest.mark.parametrize(
    "lines",
    [
        ALIKE,
        pytest.param(
            BUILDS, marks=pytest.mark.not_podman(reason="its builder runs no program here, without the proxy either")
        ),
    ],
    ids=["all", "builds"],
)
def test_docker_says_the_same_with_the_proxy_and_without(proxies: Proxies, lines: list[str]) -> None:
    with ThreadPoolExecutor(3) as pool:
        told = {way: [pool.submit(proxies.ways[way], line) for line in lines] for way in ("caller", "direct")}
        for line, *both in zip(lines, *told.values(), strict=True):
            through, direct = (_said(each.result()) for each in both)
            assert through == direct, line
            assert "kit built" not in line or through[1].endswith("kit built"), through


def _said(result: Done) -> tuple[int, str, str]:
    """What is the same in two runs: not the ids that the engine makes, nor when a terminal echoes its end."""
    lines = [
        line
        for line in result.stdout.replace("^@", "").splitlines()
        if line and not (line.startswith("sha256:") or len(line) == 64)
    ]
    errors = [line for line in result.stderr.splitlines() if "Unable to find" not in line]
    lines = [line for line in lines if not line.startswith(("Deleted:", "Untagged:"))]
    return result.returncode, "\n".join(lines), "\n".join(errors)


COMPOSE = f"""\
version: "3"
services:
  web:
    image: {GUEST}
    container_name: web
    command: [sh, -c, "echo web is up; exec sleep 3600"]
    labels: {{weave.cidr: ""}}
    depends_on: [db]
  db:
    image: {GUEST}
    container_name: db
    command: [sh, -c, "echo db is up; exec sleep 3600"]
    labels: {{weave.cidr: "10.40.0.9/12"}}
"""
UPS = (
    "docker-compose up -d",
    "docker-compose logs --no-color | sort",
    "docker-compose exec -T web ping -q -c 1 -W 5 db | grep loss",
    "docker-compose restart -t 0 db",
    "docker-compose run --rm --no-deps -T -e A=b web sh -c 'echo $A; cat; exit 3' </dev/null; echo $?",
)


def test_compose_does_the_same_with_the_proxy_and_without_and_services_join(proxies: Proxies, tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "docker-compose.yml").write_text(COMPOSE)

    def play(way: str) -> list[tuple[int, str]]:
        said = [proxies.ways[way](f"cd {folder}; {line}") for line in UPS]
        return [(each.returncode, each.stdout) for each in said]

    with ThreadPoolExecutor() as pool:
        through, direct = pool.map(play, ("caller", "direct"))
    for line, *both in zip(UPS, through, direct, strict=True):
        assert both[0] == both[1], line
    shell = proxies.ways["caller"]
    assert "inet 10.40.0.9/12" in done(shell, f"docker exec db {SHOW}")
    by_name = [
        done(shell, f"docker exec -i {line}.weave.local") for line in ("web ping -q -c1 db", "db ping -q -c1 web")
    ]
    if not proxies.host.has_podman:  # there the name server of the services' network answers, with addresses in it
        assert "(10.40.0.9)" in by_name[0]
        assert "(10.32.0." in by_name[1]
    for way in ("caller", "direct"):
        done(proxies.ways[way], f"cd {folder}; docker-compose down -t 0 2>&1")
        left = "docker ps -aq --filter name=web; docker network ls -q --filter name=shop"
        assert done(proxies.ways[way], left) == ""


DOCKER_PY = f"""
import docker, hashlib, io, tarfile

client = docker.from_env(timeout=60)
print(client.ping(), client.version()["ApiVersion"] > "1.0")
print(client.containers.run("{GUEST}", ["sh", "-c", "echo err >&2"], remove=True, stderr=True))
box = client.containers.run("{GUEST}", ["sleep", "3600"], detach=True, name="py", labels={{"weave.cidr": "none"}})
done = box.exec_run(["sh", "-c", "echo a; echo b >&2; exit 3"], demux=True)
podman = "Podman" in str(client.version())
print(done.exit_code, podman or done.output)  # on a busy host Podman loses that, without the proxy too
stream = box.exec_run("cat", stdin=True, socket=True).output
raw = getattr(stream, "_sock", stream)
raw.sendall(b"typed\\n")
said = b""
while len(said) < 14:
    said += raw.recv(14 - len(said))
print(said)
stream.close()
data = io.BytesIO()
with tarfile.open(fileobj=data, mode="w") as tar:
    info = tarfile.TarInfo("big")
    info.size = 3_000_000
    tar.addfile(info, io.BytesIO(b"x" * info.size))
print(box.put_archive("/tmp", data.getvalue()))
got = b"".join(box.get_archive("/tmp/big")[0])
with tarfile.open(fileobj=io.BytesIO(got)) as tar:
    print(hashlib.sha256(tar.extractfile("big").read()).hexdigest())
follower = client.events(decode=True, filters={{"container": "py", "event": "kill"}})
box.kill()
print(next(follower)["Action"], box.wait()["StatusCode"])
follower.close()
print(box.logs(), [c.name for c in client.containers.list(all=True, filters={{"name": "py"}})])
box.remove()
if podman:  # its builder runs no program here, without the proxy either
    raise SystemExit
image, log = client.images.build(fileobj=io.BytesIO(b"FROM {GUEST}\\nRUN echo built >/b\\n"), tag="pybuilt", rm=True)
print(client.containers.run("pybuilt", "cat /b", remove=True))
saved = b"".join(image.save(named=True))
client.images.remove("pybuilt")
print([each.tags for each in client.images.load(saved)])
client.images.remove("pybuilt")
"""


def test_docker_py_gets_the_same_with_the_proxy_and_without(proxies: Proxies, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(DOCKER_PY)
    line = f"/usr/bin/python3 -W ignore {program}"
    with ThreadPoolExecutor() as pool:
        through, direct = pool.map(lambda way: done(proxies.ways[way], line), ("caller", "direct"))
    assert through == direct
    assert "err" in through


def test_a_hundred_followers_of_events_each_hear_all(proxies: Proxies) -> None:
    host = proxies.host
    with ExitStack() as scope:
        followers = []
        for _ in range(100):
            follower = scope.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            follower.settimeout(60)
            follower.connect(str(proxies.socket))
            follower.sendall(b'GET /events?filters={"event":["tag"]} HTTP/1.1\r\nHost: docker\r\n\r\n')
            followers.append(follower)
        for follower in followers:
            assert follower.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n")
        host.shell(f"docker tag {GUEST} tagged:1; docker rmi tagged:1")
        for follower in followers:
            assert b"tagged:1" in follower.recv(4096)
            follower.close()
        daemon = "for pid in $(pidof dockerd podman); do ls -l /proc/$pid/fd; done | grep -c socket"
        assert eventually(lambda: int(host.shell(daemon)) < 60)


@pytest.mark.not_podman(reason="it speaks no TLS")
def test_by_tcp_the_daemon_s_own_certificates_count(proxies: Proxies) -> None:
    host = proxies.host
    url = f"tcp://{host.address}:{TCP}"
    assert host.weave("config") == f"-H={url}\n"
    assert host.weave("env") == f"export DOCKER_HOST={url} ORIG_DOCKER_HOST={host.environ()['DOCKER_HOST']}\n"
    shell = shell_of({**os.environ, **host.environ(), "DOCKER_HOST": url})
    assert "inet 10.2.1.1/24" in done(shell, f"docker run --rm -e WEAVE_CIDR=10.2.1.1/24 {GUEST} {SHOW}")
    assert done(shell, f"echo typed | docker run --rm -i {GUEST} cat") == "typed\n"
    stranger = shell_of({**os.environ, "DOCKER_HOST": url, "DOCKER_TLS_VERIFY": "", "DOCKER_CERT_PATH": "/nowhere"})
    for options in ("", "--tls"):
        refused = stranger(f"docker {options} ps")
        assert refused.returncode == 1
        assert "CONTAINER ID" not in refused.stdout
    assert "TLS is spoken here" in stranger("docker ps").stderr


def test_what_would_let_strangers_in_launches_nothing(proxies: Proxies) -> None:
    refused = proxies.other.try_weave("launch", "-H", "tcp://0.0.0.0", "--no-detect-tls")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("weave: whoever reaches 0.0.0.0 would rule this host")
    port = proxies.other.sandbox.host(proxies.other.name).docker_host.rpartition(":")[2]
    taken = proxies.other.try_weave("launch", "-H", f"tcp://127.0.0.1:{port}", "--no-detect-tls")
    assert f"TCP port 127.0.0.1:{port}, which the router needs, is taken" in taken.stderr
    assert "weave" not in proxies.other.shell("docker ps -a --format '{{.Names}}'")


@pytest.mark.not_podman(reason="ssh asks for docker's dial-stdio")
def test_the_caller_s_proxy_reaches_its_host_by_ssh_too(proxies: Proxies, tmp_path: Path) -> None:
    host = proxies.host
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    options = f"-i {tmp_path}/key -o StrictHostKeyChecking=no -o UserKnownHostsFile={tmp_path}/known -o LogLevel=ERROR"
    (tmp_path / "ssh").write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F /dev/null {options} "$@"\n')
    (tmp_path / "ssh").chmod(0o755)
    environ = host.environ(DOCKER_HOST=f"ssh://root@{host.address}", PATH=f"{tmp_path}:{os.environ['PATH']}")
    serve_ssh(host, (tmp_path / "key.pub").read_text())
    try:
        with callers_proxy(environ, tmp_path) as shell:
            line = f"docker run --rm -i -e WEAVE_CIDR=10.2.1.1/24 {GUEST} sh -c '{SHOW}; cat; exit 3'"
            result = shell(f"echo typed | {line}")
            assert result.returncode == 3, result.stderr
            assert "inet 10.2.1.1/24" in result.stdout
            assert result.stdout.endswith("typed\n")
            both = shell("docker ps -q & docker info -f '{{.ServerVersion}}'; wait $!; docker inspect nosuch")
            assert "No such object: nosuch" in both.stderr
    finally:
        end_ssh(host)


def test_the_proxy_s_options_make_hostnames_and_change_inspect(proxies: Proxies, tmp_path: Path) -> None:
    options = ("--rewrite-inspect", "--no-default-ipalloc", "--hostname-from-label", "role")
    expression = ("--hostname-match", "^the-(.*)$", "--hostname-replacement", "${1}1")
    with callers_proxy(proxies.host.environ(), tmp_path, *options, *expression) as run:
        assert "ethwe" not in done(run, f"docker run --rm {GUEST} ip -o link")
        done(run, f"docker run -d --name one --label role=the-db -e WEAVE_CIDR=10.2.1.1/24 {GUEST} sleep 3600")
        assert done(run, "docker exec one hostname").startswith("db1")
        seen = done(run, "docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' one")
        assert seen == "10.2.1.1\n"


def test_what_a_client_asks_is_shown_within_80_columns(proxies: Proxies, tmp_path: Path) -> None:
    said = tmp_path / "said"
    path = tmp_path / "traced.sock"
    with (
        said.open("w") as stderr,
        subprocess.Popen(
            [sys.executable, "-m", "weave_http", "--trace", "proxy", "--socket", str(path)],
            env=proxies.host.environ(),
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline()
        environ = {name: value for name, value in os.environ.items() if name not in DOCKERS}
        shell = shell_of({**environ, "DOCKER_HOST": f"unix://{path}"})
        done(shell, f"docker run --rm --name web -e PASSWORD=hidden -e WEAVE_CIDR=10.2.1.1/24 {GUEST} true")
        process.terminate()
    lines = said.read_text().splitlines()
    assert not [line for line in lines if len(line) > 80], "\n".join(lines)
    assert "hidden" not in said.read_text()
    shown = iter(lines)
    for part in (
        r"client: POST /v1\.[0-9]+/containers/create\?name=web",
        "  weave: Entrypoint begins with /w/w",
        r"  weave: Hostname: web(, Domainname: |.)weave\.local",
        "/start",
        "  weave: the container has joined, so that its program starts: 10.2.1.1",
    ):
        assert any(re.search(part, line) for line in shown), (
            f"{part!r} is not there, or not in its place:\n" + "\n".join(lines)
        )


def test_without_a_router_there_is_no_proxy_and_docker_says_so(proxies: Proxies) -> None:
    host = Host(proxies.other.sandbox, "host3", unix=True)
    host.weave("launch", "--proxy=false")
    assert host.try_shell(f"test -e {constants.PROXY_SOCKET}").returncode == 1
    assert host.try_weave("config").returncode == 1
    host.weave("stop")
    host.weave("launch")
    host.weave("stop")
    shell = from_outside(host) if host.has_podman else host.try_shell
    away = shell(f"docker {'' if host.has_podman else f'-H unix://{constants.PROXY_SOCKET} '}ps")
    assert away.returncode == 1
    assert "Cannot connect to the Docker daemon" in away.stderr
    assert host.weave("env") == ""
