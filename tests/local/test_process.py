"""The executor as a process: signals, preconditions, and what it imports."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.host.stage import Stage
from weave_http import constants


def _imported(*words: str) -> set[str]:
    program = (
        "import sys\n"
        "from weave_http import constants, local\n"
        f"constants.DOCKER_SOCKET = '/nonexistent'\nlocal.main({list(words)!r})\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "words", [("status",), ("connect", "h2"), ("version",), ("frobnicate",), ("attach", "10.1.1.1/8", "c")]
)
def test_no_command_imports_more_than_it_needs(words: tuple[str, ...]) -> None:
    heavy = {"typer", "rich", "httpx", "requests", "aiohttp", "msgpack", "asyncio", "pyroute2", "argparse"}
    loaded = _imported(*words)
    assert heavy & loaded == set()
    assert not any(name.startswith("pyroute2") for name in loaded), "the kernel is not spoken to yet"


_BLOCKED = """
import sys
from weave_http import local
from weave_http import constants
constants.DOCKER_SOCKET = sys.argv[1]
print("ready", flush=True)
sys.exit(local.main(["ps"]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_its_own_exit_code_and_no_word(stage: Stage, number: signal.Signals) -> None:
    stage.engine.on("GET", r"/containers/json", lambda request, reply: reply.wait(stage.engine.closing))
    with subprocess.Popen(
        [sys.executable, "-c", _BLOCKED, constants.DOCKER_SOCKET],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        deadline = time.monotonic() + 10
        while "GET /containers/json" not in stage.engine.calls():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(number)
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (128 + number, "ready\n", "")


_RUN = """
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
from weave_http import local
from weave_http import constants
constants.DOCKER_SOCKET = sys.argv[1]
print("ready", flush=True)
sys.exit(local.main(sys.argv[2:]))
"""


def test_a_signal_at_any_moment_leaves_all_or_nothing(stage: Stage) -> None:
    c1 = stage.container("c1")
    stage.weave("attach", "10.9.1.1/24", "c1")
    kept, coming = {"10.9.1.1/24"}, {"10.2.1.1/24", "10.3.1.1/24"}
    codes = set()
    for step in range(24):
        before = set(c1.addresses())
        command = "detach" if coming <= before else "attach"
        inside = ["nsenter", f"--net=/proc/{stage.host.pid}/ns/net"]
        process = subprocess.Popen(
            [*inside, sys.executable, "-c", _RUN, constants.DOCKER_SOCKET, command, *sorted(coming), "c1"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(step * 0.008)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=10)
        after = set(c1.addresses())
        done = kept | coming if command == "attach" else kept
        codes.add(process.returncode)
        assert err == ""
        assert after == done or (process.returncode == 130 and after == before), f"{command} after {step * 8} ms"
        assert stage.host.links() == [c1.port(), "weave"]
    assert 130 in codes


def test_a_signal_during_an_import_waits_for_its_end(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text("import time\nprint('ready', flush=True)\ntime.sleep(0.2)\nprint('imported')\n")
    program = """
import sys, time
sys.path.insert(0, sys.argv[1])
from weave_http.local import interrupts
interrupts.listen()
try:
    import slow
    time.sleep(5)
except interrupts.Interrupted as error:
    print(error.exit_code)
"""
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=10)[0] == "imported\n143\n"


def test_what_is_said_goes_out_at_once_and_a_lost_reader_is_an_exit_code(stage: Stage) -> None:
    stage.engine.on("GET", "/info", lambda request, reply: reply.wait(stage.engine.closing))
    inside = ["nsenter", f"--net=/proc/{stage.host.pid}/ns/net", sys.executable]
    with subprocess.Popen(
        [*inside, "-c", _RUN, constants.DOCKER_SOCKET, "launch", "--no-fastdp"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("WARNING: --no-fastdp is ignored")
        assert process.poll() is None, "it waits for the engine"
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)

    program = f"from weave_http import constants; constants.DOCKER_SOCKET = {constants.DOCKER_SOCKET!r}\n"
    program += "import sys; sys.argv = ['weave', '--local', 'help']\nfrom weave_http.__main__ import run\nrun()"
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as nobody:
        done = subprocess.run(
            [*inside, "-c", program], stdout=nobody, stderr=subprocess.PIPE, text=True, timeout=30, check=False
        )
    assert (done.returncode, done.stderr) == (1, "")
