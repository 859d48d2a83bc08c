"""The resident executor as a process: frames in, frames out, and an end that is in order."""

from __future__ import annotations

import os
import pty
import signal
import socket
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from typing import IO

import pytest

from tests.patience import PATIENCE
from weave_http import __version__
from weave_http.local.resident import CALLS_OF_ONE
from weave_http.operations.frames import Decoder, Frame, encode

ONE, TWO = "1" * 16, "2" * 16


class Resident:
    """A resident executor without a container around it."""

    def __init__(self, process: subprocess.Popen[bytes], stdin: IO[bytes], stdout: IO[bytes]) -> None:
        self.process = process
        self.stdin = stdin
        self._stdout = stdout
        self._decoder = Decoder()
        self._waiting: list[Frame] = []

    def tell(self, identity: str, **values: object) -> None:
        self.stdin.write(encode({"id": identity, **values}))
        self.stdin.flush()

    def call(self, identity: str, *words: str, **env: str) -> None:
        self.tell(identity, call={"words": words, "env": env})

    def hear(self) -> Frame:
        while not self._waiting:
            data = os.read(self._stdout.fileno(), 65536)
            assert data, "it has ended"
            self._waiting += self._decoder.feed(data)
        return self._waiting.pop(0)

    def begin(self, identity: str, *words: str, **env: str) -> None:
        """Announce a call and begin it."""
        self.call(identity, *words, **env)
        self.go(identity)

    def go(self, identity: str) -> None:
        assert self.hear() == {"id": identity, "ready": {"version": __version__, "image": "an/image:1"}}
        self.tell(identity, go=True)

    def outcome(self, identity: str) -> tuple[int, str]:
        """Begin a call that was announced; return its exit code and what was said."""
        self.go(identity)
        return self.end(identity)

    def end(self, identity: str) -> tuple[int, str]:
        """Return the exit code of a call that was begun, and what was said."""
        text = ""
        while "end" not in (frame := self.hear()):
            assert frame["id"] == identity
            text += frame["said"][1]
        return frame["end"], text

    def workers(self) -> list[int]:
        """Return its processes for operations, whether they do one or wait for the next."""
        pid = self.process.pid
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(each) for each in file.read().split()]

    def has_soon(self, number: int) -> bool:
        """Tell whether it comes to have so many of them."""
        deadline = time.monotonic() + 20 * PATIENCE
        while len(self.workers()) != number and time.monotonic() < deadline:
            time.sleep(0.01)
        return len(self.workers()) == number


class Router:
    """A router's API that answers when the test wants it to."""

    def __init__(self, server: socket.socket) -> None:
        self._server = server
        self.where = f"127.0.0.1:{server.getsockname()[1]}"

    def asked(self) -> socket.socket:
        """Return the connection of the next request."""
        connection = self._server.accept()[0]
        assert connection.recv(65536).startswith(b"GET /status ")
        return connection

    def answer(self, connection: socket.socket, text: str) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n"
        with connection:
            connection.sendall((head + text).encode())


@pytest.fixture
def router() -> Iterator[Router]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20 * PATIENCE)
        yield Router(server)


def started(stdin: int, stdout: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "weave_http", "--resident", "an/image:1"],
        env={**os.environ, "PROCFS": "/proc", "WEAVE_MTU": "nonsense of the container's own"},
        stdin=stdin,
        stdout=stdout,
    )


@pytest.fixture
def resident() -> Iterator[Resident]:
    with started(subprocess.PIPE, subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Resident(process, process.stdin, process.stdout)
        process.kill()


@pytest.fixture
def at_terminal() -> Iterator[Resident]:
    """A resident executor as Podman starts it."""
    ours, theirs = pty.openpty()
    with started(theirs, theirs) as process, open(ours, "r+b", buffering=0) as both:
        os.close(theirs)
        while termios.tcgetattr(ours)[3] & termios.ECHO:
            time.sleep(0.01)
        yield Resident(process, both, both)
        process.kill()


def test_at_a_terminal_every_byte_passes_as_it_is(at_terminal: Resident) -> None:
    for identity in (ONE, TWO):
        at_terminal.call(identity, "help", "attach")
        code, text = at_terminal.outcome(identity)
        assert (code, text.startswith("weave attach [ADDR…]"), "\r" in text) == (0, True, False)


def test_at_a_terminal_it_ends_before_podman_waits_for_somebody_who_does_not_read(at_terminal: Resident) -> None:
    def taken(number: int) -> bool:
        at_terminal.call(f"{number:016x}", "env")
        return bool(at_terminal.hear()["ready"])

    assert 100 < next(number for number in range(400) if not taken(number)) < 200
    assert at_terminal.process.wait(60) == 0


def test_the_end_of_a_terminal_is_its_end(at_terminal: Resident) -> None:
    at_terminal.call(ONE, "env")
    assert at_terminal.outcome(ONE)[0] == 0
    at_terminal.stdin.close()
    assert at_terminal.process.wait(30) == 0


def test_calls_are_done_one_after_the_other_and_a_failure_is_the_calls_alone(resident: Resident) -> None:
    resident.call(ONE, "help", "attach")
    code, text = resident.outcome(ONE)
    assert (code, text.startswith("weave attach [ADDR…]")) == (0, True)
    resident.call(TWO, "frobnicate")
    code, text = resident.outcome(TWO)
    assert (code, text.startswith("weave: unknown command 'frobnicate'")) == (1, True)
    resident.call(ONE, "bridge-type", WEAVE_HTTP_ADDR="127.0.0.1:1")
    assert resident.outcome(ONE)[0] in (0, 1)


def test_what_makes_no_sense_is_dropped(resident: Resident) -> None:
    for values in ({"call": 1}, {"call": {"words": "ps", "env": {}}}, {"call": {"words": ["ps"], "env": {"A": 1}}}):
        resident.tell(ONE, **values)
    resident.tell(ONE, go=True)
    resident.tell(ONE, signal=9)
    resident.stdin.write(b"\n00000000 {}\nnoise" + encode({"id": ONE, "signal": "x"}))
    resident.call(TWO, "env")
    assert resident.outcome(TWO)[0] == 0


def test_it_ends_with_its_stdin_or_by_a_signal_once_what_it_does_is_done(resident: Resident) -> None:
    resident.call(ONE, "env")
    assert resident.hear()["id"] == ONE
    resident.process.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    resident.call(TWO, "env")
    assert resident.hear() == {"id": TWO, "ready": {}}
    resident.tell(ONE, go=True)
    while "end" not in (frame := resident.hear()):
        assert frame["id"] == ONE
    assert frame == {"id": ONE, "end": 0}
    assert resident.process.wait(30) == 0


def test_one_process_does_call_after_call_until_one_fails(resident: Resident) -> None:
    first = None
    for _ in range(3):
        resident.call(ONE, "help")
        assert resident.outcome(ONE)[0] == 0
        (worker,) = resident.workers()
        assert worker == (first := first or worker)
    resident.call(ONE, "help", "nonsense")
    assert resident.outcome(ONE)[0] == 1
    assert resident.has_soon(0)
    resident.call(ONE, "help")
    assert resident.outcome(ONE)[0] == 0
    assert resident.workers() != [first]


def test_a_process_does_so_many_calls_and_no_more(resident: Resident) -> None:
    found = []
    for _ in range(CALLS_OF_ONE + 1):
        resident.call(ONE, "env", WEAVE_HTTP_ADDR="127.0.0.1:1")
        assert resident.outcome(ONE)[0] == 0
        found += [worker for worker in resident.workers() if worker not in found]
    assert resident.has_soon(1)
    assert len({*found, *resident.workers()}) == 2


def test_nothing_of_a_calls_environment_is_there_for_the_next_one(resident: Resident, router: Router) -> None:
    resident.begin(ONE, "status", WEAVE_HTTP_ADDR=router.where)
    router.answer(router.asked(), "well")
    assert resident.end(ONE) == (0, "\nwell\n")
    (worker,) = resident.workers()
    resident.call(ONE, "version")  # of a router elsewhere, or of this program
    assert resident.outcome(ONE)[0] == 0
    assert resident.workers() == [worker]


def test_a_slow_call_holds_nobody_up_and_one_process_is_kept(resident: Resident, router: Router) -> None:
    resident.begin(ONE, "status", WEAVE_HTTP_ADDR=router.where)
    slow = router.asked()
    for _ in range(2):
        resident.call(TWO, "help", "ps")
        assert resident.outcome(TWO)[0] == 0
    assert len(resident.workers()) == 2
    router.answer(slow, "x" * 100_000)
    assert resident.end(ONE) == (0, f"\n{'x' * 100_000}\n")
    assert resident.has_soon(1)


def test_a_signal_ends_the_call_it_is_for_and_no_later_one(resident: Resident, router: Router) -> None:
    for _ in range(2):
        resident.begin(ONE, "status", WEAVE_HTTP_ADDR=router.where)
        router.answer(router.asked(), "")
        assert resident.end(ONE)[0] == 0
        resident.tell(ONE, signal=signal.SIGINT)  # too late
    for number in (signal.SIGINT, signal.SIGTERM):
        resident.begin(ONE, "status", WEAVE_HTTP_ADDR=router.where)
        with router.asked():
            resident.tell(ONE, signal=number)
            assert resident.end(ONE) == (128 + number, "")
    resident.call(TWO, "help")
    resident.go(TWO)
    resident.tell(TWO, signal=signal.SIGINT)  # perhaps before it has begun, and perhaps after its end
    assert resident.end(TWO)[0] in (0, 128 + signal.SIGINT)
    resident.call(TWO, "help")
    assert resident.outcome(TWO)[0] == 0


def kept(resident: Resident) -> int:
    """Have a call done, and return the process that did it and is kept for the next one."""
    resident.call(ONE, "help")
    assert resident.outcome(ONE)[0] == 0
    (worker,) = resident.workers()
    return worker


def test_a_process_that_is_killed_between_calls_is_missed_by_nobody(resident: Resident) -> None:
    worker = kept(resident)
    os.kill(worker, signal.SIGKILL)
    assert resident.has_soon(0)
    resident.call(ONE, "help")
    assert resident.outcome(ONE)[0] == 0


def test_a_process_ends_with_the_resident(resident: Resident) -> None:
    worker = kept(resident)
    resident.process.kill()
    resident.process.wait()
    deadline = time.monotonic() + 20 * PATIENCE
    while os.path.exists(f"/proc/{worker}/exe") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not os.path.exists(f"/proc/{worker}/exe")


def test_the_end_of_stdin_is_its_end(resident: Resident) -> None:
    resident.stdin.close()
    assert resident.process.wait(30) == 0


def test_what_an_operation_needs_is_imported_before_the_first_call() -> None:
    program = """
import sys
from weave_http import constants
from weave_http.local import executed, resident
constants.DOCKER_SOCKET = "/nowhere"
resident.prepare()
before = set(sys.modules)
for words in (["ps"], ["status"], ["attach", "10.2.1.1/24", "c"], ["expose", "999"], ["bridge-type"], ["connect", "h"]):
    executed(words, {"WEAVE_HTTP_ADDR": "127.0.0.1:1"}, lambda stream, data: None)
print(*(name for name in set(sys.modules) - before if name.startswith("weave_http")))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["weave_http.engine.wire.failures"], "that is for errors alone, and takes ssl with it"
