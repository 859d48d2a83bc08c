"""The resident executor on a real host: it does what a container for each command does, whatever becomes of it."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.engine.sshd import ssh_server
from tests.hosts.host import GUEST, Host, eventually
from weave_http.commands import Caller, open_caller, perform
from weave_http.commands.warm import ResidentLost
from weave_http.operations import parse
from weave_http.operations.frames import Decoder, encode
from weave_http.sandbox import Sandbox

ATTACH = "/containers/weave-exec/attach?stream=1&stdin=1&stdout=1&stderr=1"
DAY = (
    "version",
    "prime",
    "env",
    "config",
    "stop-dns",
    "help attach",
    "help nonsense",
    "bridge-type",
    "docker-bridge-ip",
    "create-bridge",
    "launch-dns 10.2.254.1/24",
    "attach 10.2.1.1/24 box",
    "attach 10.2.1.1/24 10.2.2.1/24 --rewrite-hosts --add-host db:10.0.0.9 box",
    "attach 10.2.1.1/24 other",
    "attach 10.2.1.3/24 nobody",
    "ps",
    "ps --format json box",
    "ps box nobody",
    "detach 10.2.2.1/24 box",
    "expose 10.2.1.254/24 -h h1.weave.local",
    "hide 10.2.1.254/24",
    "dns-add 10.2.1.1 box -h extra.weave.local",
    "dns-lookup extra",
    "dns-remove box",
    "dns-lookup extra",
    "connect 192.0.2.9",
    "connect no-such-host.invalid",
    "status targets",
    "status --format json targets",
    "report -f {{.Router.NickName}}",
    "report -f {{.Nothing",
    "forget 192.0.2.9",
    "rmpeer nobody",
    "start 10.2.3.1/24 idle",
    "restart 10.2.3.1/24 idle",
    "setup-cni",
)
"""Every operation that goes warm, done well and not so."""
SHORT_DAY = (
    "help nonsense",
    "launch-dns 10.2.254.1/24",
    "attach 10.2.1.1/24 10.2.2.1/24 --rewrite-hosts --add-host db:10.0.0.9 box",
    "attach 10.2.1.3/24 nobody",
    "ps box nobody",
    "detach 10.2.2.1/24 box",
    "dns-remove box",
    "status --format json targets",
    "restart 10.2.3.1/24 idle",
)
"""Of each kind one: what says much, what fails, what warns, what changes something, and what waits."""
BEFORE = {
    "detach 10.2.2.1/24 box": "attach 10.2.2.1/24 box",
    "dns-remove box": "dns-add 10.2.1.1 box -h extra.weave.local",
}
"""What has to be done before a line, so that it does something."""


CROWD = int(os.environ.get("WEAVE_TEST_CROWD", "100"))
"""How many commands; `make crowd` has a thousand."""


@pytest.fixture(scope="module")
def resident(kept: Sandbox) -> Host:
    """A host with a router and a resident executor, for all tests of this file."""
    host = Host(kept, "host1", unix=True)
    host.weave("launch")
    return host


@pytest.fixture
def launched(resident: Host) -> Iterator[Host]:
    """That host, with containers for one test."""
    host = resident
    assert eventually(lambda: is_warm(host), seconds=60)
    host.start("box", "--hostname box.weave.local")
    host.start("other")
    yield host
    host.shell(f"docker ps -aq --filter ancestor={GUEST} | xargs -r docker rm -f >/dev/null")


def resident_pid(host: Host) -> str:
    return host.shell("docker inspect -f '{{.State.Pid}}' weave-exec").strip()


def is_warm(host: Host) -> bool:
    """Tell whether a command that is shown is one call."""
    done = host.try_weave("--trace", "version")
    assert (done.returncode, done.stdout) == (0, "weave script 0.1.0\nweave 0.1.0\n"), done
    return "/containers/create" not in done.stderr


def both(host: Host, line: str, *options: str) -> tuple[int, str, str, list[int]]:
    """Do a line; return exit code and output, by stream and in which order the streams came."""
    with open_caller(host.environ()) as found:
        caller = Caller(found.engine, environ=found.environ, endpoint=found.endpoint, cold="--cold" in options)
        outcome = perform(caller, parse(line.split()))
    order = [stream for stream, _ in outcome.said]
    return outcome.code, outcome.out, outcome.err, [b for a, b in zip([0, *order], order, strict=False) if a != b]


@pytest.mark.parametrize("day", [pytest.param(DAY, marks=pytest.mark.long), SHORT_DAY], ids=["all", "some"])
def test_every_warm_operation_has_the_output_order_and_exit_code_of_the_cold_one(
    launched: Host, day: tuple[str, ...]
) -> None:
    host = launched
    host.shell(f"docker create --name idle {GUEST} sleep 3600")
    before = resident_pid(host)
    for line in day:
        told = {}
        for way in ("--cold", "--warm"):
            if line in BEFORE:
                host.weave(*BEFORE[line].split())
            told[way] = both(host, line, way)
        # The cold way has the streams from two pipes, in whatever order the daemon read them.
        assert told["--warm"][:3] == told["--cold"][:3], line
        if line.startswith("launch-dns"):
            assert told["--warm"][3] == [2, 1], "a warning, then the id, as they were said"
    # On Podman it starts anew after so much output, which what was said before this test is a part of.
    assert host.has_podman or resident_pid(host) == before
    assert is_warm(host)
    assert "weave-exec" not in host.weave("ps")
    assert host.shell("docker ps -aq --filter label=works.weave.role=executor") == ""


@pytest.mark.programs
def test_both_ways_go_over_ssh(launched: Host, tmp_path: Path) -> None:
    with ssh_server(tmp_path) as server:
        server.default_socket(
            launched.sandbox.host(launched.name).env(unix=True)["DOCKER_HOST"].removeprefix("unix://")
        )
        there = {"DOCKER_HOST": f"ssh://127.0.0.1:{server.port}", "PATH": f"{server.client_path}:{os.environ['PATH']}"}
        assert launched.weave("attach", "10.2.1.1/24", "box", **there) == "10.2.1.1\n"
        warm, cold = (launched.try_weave("--trace", *way, "ps", "box", **there) for way in ([], ["--cold"]))
    assert (warm.returncode, warm.stdout) == (cold.returncode, cold.stdout) == (0, launched.weave("ps", "box"))
    assert [line.split()[:2] for line in warm.stderr.splitlines()] == [["POST", ATTACH]]
    assert "DELETE" in cold.stderr


def test_several_callers_at_once_get_each_their_own_and_a_slow_one_holds_nobody_up(launched: Host) -> None:
    host = launched
    stubborn = "sh -c 'trap \"\" TERM; sleep 3600 & wait; wait'"
    host.shell(f"docker run -d --name slow --stop-timeout 600 --init=false {GUEST} {stubborn}")
    with open_caller(host.environ()) as caller:
        slow = threading.Thread(target=perform, args=(caller, parse(["restart", "10.2.9.1/24", "slow"])))
        slow.start()

        def one(number: int) -> str:
            with open_caller(host.environ()) as own:
                line = f"attach 10.2.{number}.1/24 box" if number % 2 else f"help {('attach', 'ps')[number // 2 % 2]}"
                return perform(own, parse(line.split())).out

        with ThreadPoolExecutor(8) as pool:
            said = list(pool.map(one, range(1, 17)))
        assert slow.is_alive(), "restart waits: the container takes no SIGTERM"
        assert host.kill("slow")
        slow.join()
    host.kill("slow")
    for number, text in enumerate(said, start=1):
        expected = f"10.2.{number}.1\n" if number % 2 else f"weave {('attach', 'ps')[number // 2 % 2]} "
        assert text.startswith(expected), number


def test_what_a_caller_began_goes_on_when_the_caller_is_killed(launched: Host) -> None:
    host = launched
    identity, is_asked = "b" * 16, start_slow(host)
    with (
        open_caller(host.environ()) as caller,
        caller.engine.containers.attach("weave-exec", stdin=True, tty=None) as session,
    ):
        call = {"words": ["restart", "10.2.7.1/24", "slow"], "env": {}}
        session.write(encode({"id": identity, "call": call}))
        decoder = Decoder(identity)
        assert any(frame for _, data in session for frame in decoder.feed(data))
        session.write(encode({"id": identity, "go": True}))
        assert eventually(is_asked)
    host.kill("slow")
    assert eventually(lambda: "10.2.7.1/24" in host.weave("ps", "slow"))
    with open_caller(host.environ()) as caller, caller.engine.containers.attach("weave-exec", stdin=True) as session:
        call["words"] = ["detach", "10.2.7.1/24", "slow"]
        session.write(encode({"id": identity, "call": call}))  # and no `go`
    assert is_warm(host)
    assert "10.2.7.1/24" in host.weave("ps", "slow"), "nothing was begun"
    host.kill("slow")


def start_slow(host: Host) -> Callable[[], bool]:
    """Start a container that takes note of SIGTERM, and does not end by it; return what tells whether it got one."""
    line = 'trap "touch /asked" TERM; sleep 3600 & wait; wait'
    host.shell(f"docker run -d --name slow --init=false {GUEST} sh -c '{line}'")
    # Looked at from outside: Podman answers no exec while it stops a container.
    path = f"/proc/{host.shell('docker inspect -f {{.State.Pid}} slow').strip()}/root/asked"
    return lambda: host.try_shell(f"ls {path}").returncode == 0


def test_signals_reach_what_the_resident_does(launched: Host) -> None:
    host = launched
    is_asked = start_slow(host)
    command = [sys.executable, "-m", "weave_http", "restart", "10.2.9.1/24", "slow"]
    with subprocess.Popen(command, env=host.environ(), stderr=subprocess.PIPE, text=True) as process:
        assert eventually(is_asked)
        process.send_signal(signal.SIGINT)
        assert (process.wait(30), process.stderr and process.stderr.read()) == (130, "")
    assert eventually(lambda: len(host.shell("pgrep -f [-]-resident").split()) == 1)


def test_a_resident_that_is_killed_midway_is_told_in_one_line(launched: Host) -> None:
    host = launched
    is_asked = start_slow(host)
    command = [sys.executable, "-m", "weave_http", "restart", "10.2.9.1/24", "slow"]
    with subprocess.Popen(command, env=host.environ(), stderr=subprocess.PIPE, text=True) as process:
        assert eventually(is_asked)
        assert host.kill("weave-exec", signal.SIGKILL)
        assert process.wait(60) == 125
        assert process.stderr is not None
        (line,) = process.stderr.read().splitlines()
    assert line.startswith("weave: lost the resident executor on unix://")
    assert line.endswith("unknown whether restart was done; do it again, which is safe: twice has the effect of once")
    assert eventually(lambda: is_warm(host))
    assert host.weave("restart", "10.2.9.1/24", "slow") == "slow\n"


@pytest.mark.not_podman(reason="Podman's service ends whenever nobody asks it; its containers live on")
def test_a_resident_lives_through_a_new_dockerd_and_finds_its_socket(launched: Host) -> None:
    host = launched
    before = host.shell("cat /etc/docker/daemon.json")
    try:
        host.shell("""sed -i '1s/{/{"live-restore": true,/' /etc/docker/daemon.json; kill -HUP $(pidof dockerd)""")
        assert eventually(lambda: "true" in host.shell("docker info -f '{{.LiveRestoreEnabled}}'"))
        host.shell("kill -KILL $(pidof dockerd)")
        host.sandbox.engine_restart(host.name)
        for _ in range(3):
            assert host.weave("attach", "10.2.1.1/24", "box") == "10.2.1.1\n"
        assert eventually(lambda: is_warm(host))
        assert host.weave("attach", "10.2.1.1/24", "box") == "10.2.1.1\n"
    finally:
        host.shell(f"cat > /etc/docker/daemon.json <<'END'\n{before}END\n kill -HUP $(pidof dockerd)")


def test_somebody_who_is_attached_and_reads_nothing_holds_nobody_up(launched: Host) -> None:
    host = launched
    path = host.environ()["DOCKER_HOST"].removeprefix("unix://")
    before = resident_pid(host)
    with socket.socket(socket.AF_UNIX) as idle, open_caller(host.environ()) as caller:
        idle.connect(path)
        idle.sendall(
            b"POST /containers/weave-exec/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: d\r\n"
            b"Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
        )
        deadline = time.monotonic() + 120
        while resident_pid(host) == before:
            for _ in range(20):
                assert perform(caller, parse(["help"])).ok
            assert time.monotonic() < deadline, "it starts anew before the daemon waits for who is idle"
        assert eventually(lambda: is_warm(host))


def crowd(host: Host, commands: int, callers: int, seed: int) -> None:
    """Have many callers do many commands, while callers and the resident are killed at random."""
    chance = random.Random(seed)
    fates = [chance.random() for _ in range(commands)]
    over = threading.Event()

    def killer() -> None:
        # Killed sooner, it is started later and later, and most commands take the cold way.
        while not over.wait(chance.uniform(1, 3) * commands / 100):
            host.kill("weave-exec")

    def one(number: int) -> str:
        address = f"10.3.{number % 200}.1/24"
        line = (f"attach {address} box", "ps box", "status", "help attach", "ps nobody")[number % 5]
        if fates[number] < 0.05:
            with subprocess.Popen(
                [sys.executable, "-m", "weave_http", *line.split()],
                env=host.environ(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            ) as process:
                time.sleep(fates[number] * 5)
                process.kill()
            return "killed"
        try:
            with open_caller(host.environ()) as caller:
                outcome = perform(caller, parse(line.split()))
        except ResidentLost:
            return "lost"
        if line.startswith("attach"):
            assert (outcome.code, outcome.out) == (0, f"10.3.{number % 200}.1\n"), outcome
        elif line == "ps nobody":
            assert (outcome.code, outcome.err.count("\n")) == (1, 1), outcome
        else:
            begin = {"ps box": box[:12], "status": "\n", "help attach": "weave attach"}[line]
            assert (outcome.code, outcome.out.startswith(begin)) == (0, True), outcome
        return "done"

    box = host.shell("docker inspect -f '{{.Id}}' box")
    assert host.weave("attach", "10.2.1.1/24", "box") == "10.2.1.1\n"
    killing = threading.Thread(target=killer)
    killing.start()
    try:
        with ThreadPoolExecutor(callers) as pool:
            ends = list(pool.map(one, range(commands)))
    finally:
        over.set()
        killing.join()
    assert ends.count("done") > commands * 0.5, {end: ends.count(end) for end in set(ends)}
    assert eventually(lambda: is_warm(host), seconds=60)
    assert eventually(lambda: len(host.shell("pgrep -f [-]-resident").split()) == 2), "one is kept for the next call"
    role = "docker ps -aq --filter label=works.weave.role=executor --filter status=running"
    assert eventually(lambda: host.shell(role) == "")
    listed = json.loads(host.weave("ps", "--format", "json", "box"))
    for number in range(0, commands, 5):
        if ends[number] == "done":
            assert f"10.3.{number % 200}.1/24" in listed[0]["Addresses"]


def test_many_commands_at_once_with_kills_are_right_or_say_so(launched: Host) -> None:
    crowd(launched, CROWD, max(10, CROWD // 50), seed=1)


def test_a_resident_that_is_gone_frozen_or_another_one_is_no_failure(launched: Host) -> None:
    """The last one of this file: there is no resident at its end."""
    host = launched
    host.weave("stop")  # the engine takes long to start again what was killed often
    host.weave("launch")
    assert is_warm(host)
    host.shell("docker pause weave-exec")
    assert not is_warm(host)
    host.shell("docker unpause weave-exec")
    assert is_warm(host)
    assert host.kill("weave-exec", signal.SIGSTOP)
    assert not is_warm(host)
    assert host.kill("weave-exec", signal.SIGCONT)
    assert is_warm(host)
    assert host.kill("weave-exec", signal.SIGKILL)
    assert eventually(lambda: is_warm(host)), "the engine starts it again"
    host.shell("docker tag weavehttp/weave:0.1.0 weavehttp/weave:other")
    done = host.try_weave("--trace", "version", EXEC_IMAGE="weavehttp/weave:other")
    assert (done.returncode, "/containers/create" in done.stderr) == (0, True)
    host.shell("docker rmi weavehttp/weave:other; docker rm -f weave-exec")
    assert not is_warm(host)
    host.weave("stop")
    host.weave("launch", "--no-resident")
    assert not is_warm(host)
    host.weave("stop")
    host.weave("launch", "--no-restart")
    assert is_warm(host)
    assert host.kill("weave-exec", signal.SIGKILL)
    assert eventually(lambda: "weave-exec" not in host.shell("docker ps -a"))
