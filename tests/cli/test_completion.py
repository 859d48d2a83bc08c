"""What a shell completes: words without a daemon, containers and peers from it, and nothing when it does not answer."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_engine import FakeContainer, FakeEngine, Run
from weave_http.cli.completion import PATIENCE_SECONDS


def completed(line: str, docker_host: str = "unix:///nowhere") -> list[str]:
    """What bash offers at the end of a line."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("DOCKER_", "WEAVE_"))}
    asked = {"_WEAVE_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    done = subprocess.run(
        [sys.executable, "-m", "weave_http"],
        env=clean | asked | {"DOCKER_HOST": docker_host, "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout.split()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[FakeEngine]:
    """A daemon with two containers that run, the router among them, and one that has ended."""
    with FakeEngine(tmp_path / "d.sock") as fake:
        for number, (name, status) in enumerate((("weave", "running"), ("web", "running"), ("worn", "exited"))):
            identity = f"{number:064x}"
            fake.containers[identity] = FakeContainer(identity, name, {"Image": "x"}, status=status)
        yield fake


def test_commands_and_options_need_no_daemon() -> None:
    assert completed("weave sta") == ["status", "start"]
    assert completed("weave attach --re") == ["--rewrite-hosts"]
    assert completed("weave status --format j") == ["json"]
    assert completed("weave --format j") == []
    assert completed("weave launch --dns-t") == ["--dns-ttl"]
    assert completed("weave launch --log-level w") == ["warning"]
    assert completed("weave report conn") == []
    assert completed("weave status conn") == ["connections"]
    assert completed("weave explain att") == ["attach"]
    assert completed("weave image ") == ["build", "dockerfile"]
    assert completed("weave help dns-l") == ["dns-lookup"]
    assert "launch-proxy" not in completed("weave ")


def test_options_before_the_command_and_their_values_are_completed(tmp_path: Path) -> None:
    assert completed("weave --tlsc") == ["--tlscacert", "--tlscert"]
    assert completed("weave --trace --calls ") == ["line", "curl", "http", "json"]
    meta = tmp_path / "contexts" / "meta" / "0"
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text('{"Name": "production"}')
    (tmp_path / "contexts" / "meta" / "1").mkdir()
    assert completed(f"weave --config {tmp_path} -c ") == ["default", "production"]
    assert completed(f"weave --config {tmp_path} --context pro") == ["production"]
    assert completed(f"weave --config {tmp_path} setup --from-context pro") == ["production"]


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("weave attach 10.2.1.1/24 w", ["weave", "web"]),
        ("weave detach 10.2.1.1/24 web", ["web"]),
        ("weave start 10.2.1.1/24 w", ["weave", "web", "worn"]),
        ("weave restart 10.2.1.1/24 wo", ["worn"]),
        ("weave ps web w", ["weave", "web"]),
    ],
)
def test_containers_come_from_the_daemon(daemon: FakeEngine, line: str, names: list[str]) -> None:
    assert completed(line, daemon.endpoint.url) == names


def test_an_endpoint_on_the_line_counts(daemon: FakeEngine) -> None:
    assert completed(f"weave -H {daemon.endpoint.url} ps web") == ["web"]


def test_peers_come_from_a_command_in_the_routers_container(daemon: FakeEngine) -> None:
    daemon.program = lambda config: Run([(1, b"10.0.0.1\nhost2:70"), (2, b"oops\n"), (1, b"00\n")])
    assert completed("weave forget ", daemon.endpoint.url) == ["10.0.0.1", "host2:7000"]
    created = next(request for request in daemon.requests if request.path == "/containers/weave/exec")
    assert created.json["Cmd"] == ["/usr/bin/weave", "--local", "status", "targets"]
    assert len(daemon.containers) == 3


def test_failures_are_silent(daemon: FakeEngine) -> None:
    daemon.containers.clear()
    assert completed("weave forget ", daemon.endpoint.url) == []
    assert completed("weave ps ") == []
    assert completed("weave -H nonsense://x ps ") == []


def test_a_daemon_that_never_answers_is_given_up(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "d.sock"))
        silent.listen()
        began = time.monotonic()
        assert completed("weave ps ", f"unix://{tmp_path}/d.sock") == []
        assert time.monotonic() - began >= PATIENCE_SECONDS


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_the_shell_is_printed(shell: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "weave_http", "completion", shell],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert f"_WEAVE_COMPLETE=complete_{shell}" in done.stdout
    if shell == "bash":
        assert subprocess.run(["bash", "-n"], input=done.stdout, text=True, check=False).returncode == 0
