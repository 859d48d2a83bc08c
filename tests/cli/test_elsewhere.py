"""The caller's side needs no Linux: with Linux's own names and /proc taken away, the commands do what they do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fake_engine import FakeContainer, FakeEngine, Run
from weave_http.constants import DEFAULT_IMAGE
from weave_http.engine import Endpoint, connect

ELSEWHERE = """
import os, select, signal, socket, sys

LINUX_ONLY = {
    os: ["setns", "unshare", "pidfd_open", "memfd_create", "eventfd", "splice", "copy_file_range", "getrandom",
         "sched_getaffinity", "sched_setaffinity", "O_PATH", "O_TMPFILE", "CLONE_NEWNET", "posix_fallocate"],
    signal: ["SIGRTMIN", "SIGRTMAX", "SIGPWR", "SIGSTKFLT", "SIGPOLL", "SIGCLD", "sigtimedwait", "sigwaitinfo",
             "pidfd_send_signal"],
    socket: ["AF_NETLINK", "AF_PACKET", "AF_VSOCK", "AF_ALG", "SOCK_CLOEXEC", "SOCK_NONBLOCK", "TCP_KEEPIDLE",
             "TCP_USER_TIMEOUT", "TCP_QUICKACK", "SO_PEERCRED", "SO_BINDTODEVICE", "SO_MARK", "MSG_NOSIGNAL"],
    select: ["epoll"],
}
for module, names in LINUX_ONLY.items():
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
socket.TCP_KEEPALIVE = 4  # macOS has it, and calls by it what TCP_KEEPIDLE is on Linux
for name in ("pyroute2", "aiohttp", "msgpack", "dnslib", "cryptography"):  # of the host's side and the sandbox
    sys.modules[name] = None

def refuse(event, arguments):
    if event in ("open", "os.listdir") and str(arguments[0]).startswith(("/proc", "/sys")):
        raise AssertionError(f"{event} {arguments[0]}")
sys.addaudithook(refuse)

from weave_http.__main__ import main
if os.environ.get("SYSTEM"):
    sys.platform = os.environ["SYSTEM"]
sys.argv[0] = "weave"
sys.exit(main())
"""


def elsewhere(*words: str, **environ: str) -> tuple[int, str, str]:
    """Run a command where there is no Linux; return exit code, stdout and stderr."""
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, *words],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"} | environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "words",
    [
        "--help",
        "attach --help",
        "--version",
        "completion zsh",
        "explain launch host2",
        "script attach 10.2.1.1/24 web",
        "--dry-run setup",
        "--dry-run run 10.2.1.1/24 busybox",
        "image dockerfile",
    ],
)
def test_what_sends_nothing_runs_elsewhere(words: str) -> None:
    code, said, complaint = elsewhere(*words.split())
    assert (code, complaint) == (0, "")
    assert said


@pytest.mark.parametrize("scheme", ["unix", "tcp"])
def test_commands_run_elsewhere_against_a_daemon(tmp_path: Path, scheme: str) -> None:
    with FakeEngine(tmp_path / "d.sock" if scheme == "unix" else None) as fake:
        fake.images[DEFAULT_IMAGE] = fake.images["busybox"] = {"Id": "sha256:" + "1" * 64}
        fake.containers["a" * 64] = FakeContainer("a" * 64, "web", {"Image": "x"}, status="running")
        fake.program = lambda config: Run([(1, b"done\n")])
        at = {"DOCKER_HOST": fake.endpoint.url}
        for words in ("status", "attach 10.2.1.1/24 web", "launch host2", "ps --format json", "-v --trace stop"):
            code, said, complaint = elsewhere(*words.split(), **at)
            assert (code, said) == (0, "done\n"), (words, complaint)
        completing = {"_WEAVE_COMPLETE": "complete_bash", "COMP_WORDS": "weave ps w", "COMP_CWORD": "2"}
        assert elsewhere(**at, **completing)[1].split() == ["web"]


@pytest.mark.parametrize("words", ["run 10.2.1.1/24 busybox", "run --foreground 10.2.1.1/24 busybox"])
def test_a_container_is_run_from_elsewhere(tmp_path: Path, words: str) -> None:
    with FakeEngine(tmp_path / "d.sock") as fake:
        fake.images[DEFAULT_IMAGE] = fake.images["busybox"] = {"Id": "sha256:" + "1" * 64}
        fake.program = lambda config: Run([(1, b"hello\n")] if config["Image"] == "busybox" else [])
        code, said, complaint = elsewhere(*words.split(), DOCKER_HOST=fake.endpoint.url)
        ids = list(fake.containers)
    assert (code, complaint) == (0, "")
    assert said == "hello\n" if "--foreground" in words else said.strip() in ids


def test_a_fleet_is_commanded_from_elsewhere(tmp_path: Path) -> None:
    with FakeEngine(tmp_path / "a.sock") as one, FakeEngine(tmp_path / "b.sock") as two:
        for fake in (one, two):
            fake.images[DEFAULT_IMAGE] = {"Id": "sha256:" + "1" * 64}
            fake.program = lambda config: Run([(1, b"c1 02:00:00:00:00:01\n")] if "ps" in config["Cmd"] else [])
        home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
        for name, fake, address in (("a", one, "10.0.0.1"), ("b", two, "10.0.0.2")):
            assert elsewhere("hosts", "add", name, fake.endpoint.url, "--advertise", address, **home)[0] == 0
        code, said, complaint = elsewhere("up", **home)
        assert (code, said.count("connected to 1 peer"), complaint) == (0, 2, "weave: 2 hosts: 2 done\n")
        code, said, _ = elsewhere("--hosts", "*", "ps", **home)
        assert (code, [line.split()[:2] for line in said.splitlines()[1:]]) == (0, [["a", "c1"], ["b", "c1"]])
        assert elsewhere("down", "--reset", **home)[0] == 0


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_the_proxy_serves_elsewhere_until_a_signal(tmp_path: Path, signum: signal.Signals) -> None:
    """Its socket is one's own, a client's calls go to the daemon, and to be ended by a signal is no failure."""
    path = tmp_path / "proxy.sock"
    with FakeEngine(tmp_path / "d.sock") as fake:
        command = [sys.executable, "-c", ELSEWHERE, "proxy", "--socket", str(path)]
        environ = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "DOCKER_HOST": fake.endpoint.url}
        pipe = subprocess.PIPE
        with subprocess.Popen(command, env=environ, stdout=pipe, stderr=pipe, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == f"export DOCKER_HOST=unix://{path}\n"
            with connect(Endpoint("unix", path=str(path)), transport="wire") as engine:
                assert engine.system.version()["Version"] == "20.10.24"
            process.send_signal(signum)
            assert process.communicate(timeout=60) == ("", "")
            assert process.returncode == 0
        assert "GET /version" in fake.calls()
    assert not path.exists()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("sandbox up", "the sandbox needs Linux, and this machine runs darwin"),
        ("sandbox check", "the sandbox needs Linux, and this machine runs darwin"),
        (
            "image build",
            "building an image from Debian packages needs Linux, and this machine runs darwin; "
            "see `weave setup --help` for other sources",
        ),
    ],
)
def test_what_needs_linux_says_so_in_a_line(words: str, complaint: str) -> None:
    assert elsewhere(*words.split(), SYSTEM="darwin") == (1, "", f"weave: {complaint}\n")
