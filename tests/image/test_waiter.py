"""The waiter, compiled here and run: what it looks up, what it waits for, and what it leaves as it was."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from weave_http.errors import WeaveError
from weave_http.image import apt
from weave_http.image.apt import Machine
from weave_http.image.waiter import SOURCE, compile_waiter

Done = subprocess.CompletedProcess[str]
PATIENCE = 120
"""Seconds; making a network namespace waits for the kernel to have taken others apart, which may take many."""


@pytest.fixture(scope="module")
def waiter(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The program. The image's own is compiled by tcc; this is the other compiler it is written for."""
    if shutil.which("gcc") is None:
        pytest.fail("needs gcc: `make test` installs it")
    program = tmp_path_factory.mktemp("waiter") / "w"
    options = ["-Wall", "-Wextra", "-Werror", "-O1", "-ffreestanding", "-fno-stack-protector", "-nostdlib", "-static"]
    subprocess.run(["gcc", *options, "-o", str(program), str(SOURCE)], check=True)
    return str(program)


def test_an_architecture_that_has_none_goes_without(tmp_path: Path) -> None:
    said: list[str] = []
    system = Machine("debian trixie", "riscv64")
    assert compile_waiter(system, tmp_path, scratch=tmp_path, report=said.append) == {}
    assert "--no-wait" in said[0]


@pytest.mark.parametrize(("debs", "why"), [([], "no package tcc"), (["tcc_1_amd64.deb"], "holds no compiler")])
def test_a_missing_compiler_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, debs: list[str], why: str
) -> None:
    monkeypatch.setattr(apt, "fetch", lambda packages, folder, report: [Path("libc6_2_amd64.deb"), *map(Path, debs)])
    monkeypatch.setattr("weave_http.image.waiter.unpack", lambda found, skipped: [{} for _ in found])
    with pytest.raises(WeaveError, match=why):
        compile_waiter(Machine("debian trixie", "amd64"), tmp_path, scratch=tmp_path, report=print)


def run(waiter: str, *words: str, cwd: Path | None = None, **environ: str) -> Done:
    return subprocess.run(
        [waiter, *words], env=environ, cwd=cwd, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def test_it_is_small_and_needs_no_library(waiter: str) -> None:
    assert Path(waiter).stat().st_size < 20_000
    assert b"/lib64/" not in Path(waiter).read_bytes()


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Folders `a` and `b` with programs and what only looks like one."""
    for name, mode in (("a/plain", 0o644), ("b/plain", 0o755), ("b/only", 0o755), ("a/text", 0o644)):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("#!/bin/sh\necho ran\n")
        path.chmod(mode)
    (tmp_path / "a" / "only").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("name", "code", "why"),
    [
        ("none", 127, "executable file not found in $PATH"),
        ("text", 127, "executable file not found in $PATH"),
        ("", 127, "executable file not found in $PATH"),
        ("a/none", 127, "no such file or directory"),
        ("a/plain/x", 127, "no such file or directory"),
        ("a/only", 126, "is a directory"),
        ("./a/plain", 126, "permission denied"),
    ],
)
def test_what_can_not_be_run_is_said_at_once(waiter: str, folders: Path, name: str, code: int, why: str) -> None:
    done = run(waiter, name, cwd=folders, PATH=f"{folders}/a:{folders}/b")
    assert (done.returncode, done.stderr, done.stdout) == (code, f'weave: exec: "{name}": {why}\n', "")


def test_without_a_path_or_a_program_there_is_nothing_to_run(waiter: str) -> None:
    assert run(waiter, "sh").returncode == 127
    assert "no command specified" in run(waiter).stderr


def test_a_name_of_any_length_is_one_line(waiter: str) -> None:
    done = run(waiter, "x" * 100_000, PATH="/bin")
    assert done.returncode == 127
    assert done.stderr.count("\n") == 1


@pytest.fixture(scope="module")
def quiet() -> Iterator[list[str]]:
    """How a program is started in a network namespace in which nothing happens by itself.

    One serves all tests: while a busy machine takes others apart, the kernel may need a minute to make one.
    """
    keeper = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
    while os.readlink(f"/proc/{keeper.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
        time.sleep(0.01)
    yield ["nsenter", "-t", str(keeper.pid), "-n"]
    keeper.kill()
    keeper.wait()


@pytest.fixture
def waiting(waiter: str, quiet: list[str]) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts the waiter in that network namespace, which is then as it was."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: str, **environ: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*quiet, waiter, *words],
            env={"PATH": os.environ["PATH"], **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
    subprocess.run([*quiet, "ip", "link", "del", "ethwe"], stderr=subprocess.DEVNULL, check=False)


def is_waiting(pid: int) -> bool:
    """Whether a process has become the waiter, and waits for signals.

    It blocks all that can be blocked; but while it sleeps, the kernel shows those that it waits for as not blocked. It
    sleeps for nothing else.
    """
    deadline = time.monotonic() + PATIENCE
    status = ""
    while time.monotonic() < deadline and "\nState:\tZ" not in status:
        status = Path(f"/proc/{pid}/status").read_text()
        if status.startswith("Name:\tw\n") and ("\nState:\tS" in status or "SigBlk:\tfffffffffffbfeff" in status):
            return True
        time.sleep(0.01)
    print(f"{pid} does not wait: {status}")
    return False


STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGWINCH)


@pytest.mark.parametrize("number", [*STOPPING, signal.SIGRTMIN + 3])
def test_a_signal_ends_the_wait(waiting: Callable[..., subprocess.Popen[str]], number: int) -> None:
    process = waiting("true")
    assert is_waiting(process.pid)
    process.send_signal(number)
    assert process.wait(PATIENCE) == 128 + number


def test_signals_that_mean_nothing_to_it_do_not(waiting: Callable[..., subprocess.Popen[str]]) -> None:
    process = waiting("true")
    assert is_waiting(process.pid)
    for number in (signal.SIGCONT, signal.SIGCHLD, signal.SIGURG, signal.SIGTSTP):
        process.send_signal(number)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 128 + signal.SIGTERM


def inside(process: subprocess.Popen[str], line: str) -> None:
    subprocess.run(["nsenter", "-t", str(process.pid), "-n", "sh", "-ec", line], check=True)


LINK = "ip link add ethwe type bridge; ip addr add 10.2.1.1/24 dev ethwe; ip link set ethwe up"


def test_it_becomes_the_program_when_the_multicast_route_is_there(
    waiting: Callable[..., subprocess.Popen[str]],
) -> None:
    shown = 'echo "$0 $1 $A"; ip -o -4 addr show dev ethwe; grep -E "Sig(Blk|Ign)" /proc/self/status; exit 7'
    process = waiting("sh", "-c", shown, "zero", "one", A="it's")
    assert is_waiting(process.pid)
    inside(process, LINK)
    assert process.poll() is None
    inside(process, "ip route add 224.0.0.0/4 dev ethwe")
    out, _ = process.communicate(timeout=PATIENCE)  # on a busy machine the wait may have been long enough to be said
    assert process.returncode == 7
    assert out.startswith("zero one it's\n")
    assert "inet 10.2.1.1/24" in out
    assert "SigBlk:\t0000000000000000" in out


def test_a_long_wait_is_said_once_with_what_helps(waiting: Callable[..., subprocess.Popen[str]]) -> None:
    started = time.monotonic()
    process = waiting("sh", "-c", "exit 7")
    assert process.stderr is not None
    assert process.stderr.readline() == (
        'weave: the container is not on the network yet, so "sh" waits; '
        "on this host: weave launch, or weave attach CIDR... CONTAINER\n"
    )
    assert time.monotonic() - started > 4, "a wait of the usual length says nothing"
    time.sleep(2)
    inside(process, f"{LINK}; ip route add 224.0.0.0/4 dev ethwe")
    assert process.communicate(timeout=PATIENCE) == ("", "")
    assert process.returncode == 7


def test_the_route_is_found_among_thousands(waiting: Callable[..., subprocess.Popen[str]]) -> None:
    process = waiting("true")
    assert is_waiting(process.pid)
    many = "".join(f"route add 10.{3 + n // 250}.{n % 250}.0/24 dev ethwe\n" for n in range(2000))
    inside(process, f"{LINK}; ip -batch - <<'END'\n{many}END\n")
    assert process.poll() is None
    inside(process, "ip route add 224.0.0.0/4 dev ethwe")
    assert process.wait(PATIENCE) == 0
