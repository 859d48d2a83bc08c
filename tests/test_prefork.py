"""A command in a fork is one of a process of its own."""

import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.prefork import run_weave

NOWHERE = {**os.environ, "DOCKER_HOST": "unix:///nowhere"}


@pytest.mark.parametrize(
    ("words", "more"),
    [
        ("--version", {}),
        ("--help", {"COLUMNS": "60"}),
        ("ps", {}),
        ("nonsense", {}),
        ("--dry-run attach 10.2.1.1/24 c1", {"WEAVE_DEBUG": "1"}),
        ("ps", {"PYTHONWARNINGS": "error", "LC_ALL": "C"}),
    ],
)
def test_output_and_exit_code_are_the_same(words: str, more: dict[str, str]) -> None:
    env = NOWHERE | more
    command = [sys.executable, "-m", "weave_http", *words.split()]
    own = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    forked = run_weave(words.split(), env, timeout=60)
    assert (forked.returncode, forked.stdout, forked.stderr) == (own.returncode, own.stdout, own.stderr)


def test_many_at_once_get_each_their_own() -> None:
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda n: run_weave([f"nonsense{n}"], NOWHERE, timeout=60), range(30)))
    assert all(f"'nonsense{n}'" in each.stderr.decode() for n, each in enumerate(done))


def test_one_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as daemon:
        daemon.bind(str(tmp_path / "d.sock"))
        daemon.listen()
        with pytest.raises(subprocess.TimeoutExpired):
            run_weave(["--cold", "ps"], {**os.environ, "DOCKER_HOST": f"unix://{tmp_path}/d.sock"}, timeout=1)
        connection, _ = daemon.accept()
        with connection:
            connection.settimeout(30)
            while connection.recv(1 << 16):
                pass
