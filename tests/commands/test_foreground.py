"""A container in the foreground: its streams, size, signals and exit code are the caller's."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import pytest

from tests.commands.conftest import Desk, run
from tests.fake_engine import Run
from weave_http.commands.foreground import Front
from weave_http.commands.signals import Unheard
from weave_http.errors import EngineError, WeaveError
from weave_http.records import dataclass, field, replace
from weave_http.run_args import CreateRequest, RunArgumentError


@dataclass
class Keys:
    """A keyboard at which somebody has typed already."""

    descriptor: int
    is_terminal: bool = False
    screen: tuple[int, int] | None = None
    said: list[str] = field(default_factory=list)

    def size(self) -> tuple[int, int] | None:
        return self.screen

    @contextmanager
    def raw(self) -> Iterator[None]:
        self.said.append("raw")
        yield
        self.said.append("as before")


@pytest.fixture
def keyboard() -> Iterator[tuple[Keys, BinaryIO]]:
    """A keyboard, and where to write what is typed."""
    reading, writing = os.pipe()
    with open(reading, "rb"), open(writing, "wb", buffering=0) as typed:
        yield Keys(reading), typed


@pytest.fixture(autouse=True)
def busybox(desk: Desk) -> None:
    desk.fake.images["busybox"] = {"Id": "sha256:" + "2" * 64}


def programs(desk: Desk, ours: Run) -> None:
    desk.fake.program = lambda config: ours if config["Image"] == "busybox" else Run()


def asked(config: dict[str, Any] | None = None, **more: Any) -> CreateRequest:
    return CreateRequest({"Image": "busybox", **(config or {})}, None, **more)


def attach_query(desk: Desk) -> dict[str, str]:
    return next(call.query for call in desk.fake.requests if call.path.endswith("/attach"))


def created(desk: Desk) -> dict[str, Any]:
    body: dict[str, Any] = next(
        call.json for call in desk.fake.requests if call.path == "/containers/create" and "Env" in call.json
    )
    return body


def test_output_and_exit_code_are_the_containers_and_no_id_is_printed(desk: Desk) -> None:
    programs(desk, Run([(1, b"out\n"), (2, b"err\n")], code=3))
    assert run(desk.caller, ["10.2.1.1/24"], asked(), foreground=True) == 3
    assert (desk.out.getvalue(), desk.err.getvalue()) == (b"out\n", b"err\n")
    body = created(desk)
    assert [body[key] for key in ("AttachStdin", "AttachStdout", "AttachStderr")] == [False, True, True]


def echo(heard: bytes) -> Iterable[tuple[int, bytes]]:
    return [(1, heard)] if heard else [(2, b"bye\n")]


def test_stdin_goes_in_to_its_end(desk: Desk, keyboard: tuple[Keys, BinaryIO]) -> None:
    keys, writing = keyboard
    programs(desk, Run(answer=echo))
    writing.write(b"one\n")
    writing.close()
    assert run(replace(desk.caller, keyboard=keys), ["10.2.1.1/24"], asked({"OpenStdin": True}), foreground=True) == 0
    assert (desk.out.getvalue(), desk.err.getvalue()) == (b"one\n", b"bye\n")
    assert created(desk)["StdinOnce"] is True
    assert attach_query(desk) == {"stream": "1", "stdin": "1", "stdout": "1", "stderr": "1"}
    assert keys.said == []


def test_a_terminal_is_raw_has_the_size_and_is_left_by_its_keys(desk: Desk, keyboard: tuple[Keys, BinaryIO]) -> None:
    keys, writing = keyboard
    keys.is_terminal, keys.screen = True, (40, 100)
    gone = threading.Event()
    programs(desk, Run(until=gone))
    writing.write(b"a\x18x")
    request = asked({"OpenStdin": True, "Tty": True}, detach_keys="ctrl-x,x")
    assert run(replace(desk.caller, keyboard=keys), ["10.2.1.1/24"], request, foreground=True) == 0
    assert created(desk)["HostConfig"]["ConsoleSize"] == [40, 100]
    assert desk.fake.containers[desk.ids[1]].sizes == [(40, 100)]
    assert attach_query(desk)["detachKeys"] == "ctrl-x,x"
    assert desk.fake.containers[desk.ids[1]].status == "running"
    gone.set()


def test_the_terminal_is_as_before_after_the_end(desk: Desk, keyboard: tuple[Keys, BinaryIO]) -> None:
    keys, _ = keyboard
    keys.is_terminal = True
    programs(desk, Run([(1, b"hello\r\n")], code=4))
    request = asked({"OpenStdin": True, "Tty": True})
    assert run(replace(desk.caller, keyboard=keys), ["10.2.1.1/24"], request, foreground=True) == 4
    assert desk.out.getvalue() == b"hello\r\n"
    assert keys.said == ["raw", "as before"]


@pytest.mark.parametrize(
    ("config", "streams"),
    [
        ({}, (False, True, True)),
        ({"OpenStdin": True}, (True, True, True)),
        ({"AttachStderr": True}, (False, False, True)),
        ({"AttachStdin": True, "AttachStdout": False}, (True, False, False)),
    ],
)
def test_the_streams_are_those_asked_for(desk: Desk, config: dict[str, Any], streams: tuple[bool, bool, bool]) -> None:
    found = Front.of(desk.caller, asked(config))
    assert (found.stdin, found.stdout, found.stderr) == streams


def test_without_output_the_id_is_printed(desk: Desk, keyboard: tuple[Keys, BinaryIO]) -> None:
    keys, writing = keyboard
    programs(desk, Run(answer=lambda heard: []))
    writing.close()
    request = asked({"OpenStdin": True, "AttachStdin": True})
    assert run(replace(desk.caller, keyboard=keys), ["10.2.1.1/24"], request, foreground=True) == 0
    assert desk.out.getvalue() == f"{desk.ids[1]}\n".encode()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_signals_are_the_containers(desk: Desk, number: signal.Signals) -> None:
    programs(desk, Run([(1, b"up\n")], code=9, until=threading.Event()))
    alarm = threading.Timer(0.5, os.kill, (os.getpid(), number))
    with desk.caller.signals.listening():
        alarm.start()
        before = signal.getsignal(number)
        assert run(desk.caller, ["10.2.1.1/24"], asked(), foreground=True) == 9
        alarm.join()
        assert signal.getsignal(number) == before
    kills = [call.query for call in desk.fake.requests if call.path.endswith("/kill")]
    assert kills == [{"signal": number.name}]


def test_whoever_asks_three_times_in_vain_is_let_go(desk: Desk) -> None:
    """The daemon hangs: neither the container's output ends, nor is a signal taken."""
    programs(desk, Run([(1, b"up\n")], until=threading.Event()))
    desk.fake.on("POST", "/containers/[^/]+/kill", lambda _request, reply: reply.wait(desk.fake.closing))
    alarms = [threading.Timer(0.5 + after, os.kill, (os.getpid(), signal.SIGINT)) for after in (0, 0.1, 0.2, 1.3)]
    with desk.caller.signals.listening():
        before = signal.getsignal(signal.SIGINT)
        for alarm in alarms:
            alarm.start()
        with pytest.raises(Unheard, match="takes no signal") as raised:
            run(desk.caller, ["10.2.1.1/24"], asked(), foreground=True)
        assert raised.value.exit_code == 130
        for alarm in alarms:
            alarm.join()
        assert signal.getsignal(signal.SIGINT) == before


def test_a_failed_attach_leaves_nothing_and_has_the_executors_exit_code(desk: Desk) -> None:
    dead = Run([(2, b"why\n")], code=1)
    desk.fake.program = lambda config: dead if config["Image"] != "busybox" else Run(until=threading.Event())
    assert run(desk.caller, ["10.2.1.1/24"], asked(), foreground=True) == 1
    assert desk.err.getvalue() == b"why\n"
    assert desk.ids[1] not in desk.fake.containers


@pytest.mark.parametrize(
    ("request_", "error", "code"),
    [
        (asked(detach=True), EngineError, 125),
        (asked({"Tty": True, "OpenStdin": True}), WeaveError, 1),
        (asked(detach_keys="nonsense"), RunArgumentError, 125),
    ],
)
def test_what_docker_refuses_is_refused_before_anything_is_sent(
    desk: Desk, keyboard: tuple[Keys, BinaryIO], request_: CreateRequest, error: type[WeaveError], code: int
) -> None:
    with pytest.raises(error) as caught:
        run(replace(desk.caller, keyboard=keyboard[0]), ["10.2.1.1/24"], request_, foreground=True)
    assert caught.value.exit_code == code
    assert desk.fake.requests == []
