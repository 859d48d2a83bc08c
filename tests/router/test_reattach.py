from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.fake_engine import FakeContainer, FakeEngine
from weave_http.router import reattach
from weave_http.router.reattach import Reattacher, run_attach

_RUNNING, _STOPPED, _GONE, _OTHER = ("ab" * 32, "cd" * 32, "ef" * 32, "01" * 32)
_ADDRESSES = ["10.2.1.1/24"]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reattach, "delay", lambda attempt: 0.02)


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    return tmp_path / "d.sock"


class Names:
    """Hears which containers start and die."""

    def __init__(self, *containers: str) -> None:
        self.containers = set(containers)
        self.heard: list[str] = []

    def started(self, container: str) -> None:
        self.heard.append(f"started {container[:2]}")

    def died(self, container: str) -> None:
        self.heard.append(f"died {container[:2]}")


class Watched:
    """A reattacher, and what it does."""

    def __init__(self, socket: Path, *records: str) -> None:
        self.records = dict.fromkeys(records, _ADDRESSES)
        self.attached: list[str] = []
        self.complaints: list[str] = []
        self.names = Names()
        self.hold: threading.Event | None = None
        self._socket = socket

    async def _drop(self, container: str) -> None:
        self.records.pop(container)

    def _attach(self, container: str, addresses: list[str]) -> str:
        assert addresses == _ADDRESSES
        self.attached.append(container)
        if self.hold is not None:
            self.hold.wait(10)
        return self.complaints.pop(0) if self.complaints else ""

    @contextmanager
    def running(self) -> Iterator[None]:
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        it = Reattacher(
            lambda: dict(self.records), self._drop, socket=str(self._socket), attach=self._attach, names=self.names
        )
        try:
            loop.call_soon_threadsafe(it.start)
            yield
        finally:
            it.stop()
            loop.call_soon_threadsafe(loop.stop)
            thread.join(10)
            loop.close()


def _until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.005)


@contextmanager
def _engine(socket: Path) -> Iterator[FakeEngine]:
    """An engine with a running and a stopped container; what follows its events has ended when it has."""
    fake = FakeEngine(socket)
    for container, status in ((_RUNNING, "running"), (_STOPPED, "exited"), (_OTHER, "running")):
        fake.containers[container] = FakeContainer(container, container[:4], {"Image": "x"}, status)
    with fake:
        yield fake


def _listening(fake: FakeEngine) -> Callable[[], bool]:
    return lambda: any(call.startswith("GET /containers/json") for call in fake.calls())


def test_at_the_start_what_runs_is_attached_and_what_is_gone_is_forgotten(socket: Path) -> None:
    watched = Watched(socket, _RUNNING, _STOPPED, _GONE)
    with _engine(socket), watched.running():
        _until(lambda: watched.attached == [_RUNNING] and _GONE not in watched.records)
        assert set(watched.records) == {_RUNNING, _STOPPED}


def test_a_container_that_starts_is_attached_if_there_is_a_record(socket: Path) -> None:
    watched = Watched(socket, _STOPPED)
    with _engine(socket) as fake, watched.running():
        _until(_listening(fake))
        for container in (_OTHER, _STOPPED):
            fake.emit({"Type": "container", "Action": "start", "Actor": {"ID": container}})
        _until(lambda: watched.attached == [_STOPPED])


@pytest.mark.parametrize("removed", ["destroy", "remove"], ids=["docker", "podman"])
def test_a_removed_container_is_forgotten(socket: Path, removed: str) -> None:
    watched = Watched(socket, _STOPPED)
    with _engine(socket) as fake, watched.running():
        _until(_listening(fake))
        for container in (_OTHER, _STOPPED):
            fake.emit({"Type": "container", "Action": removed, "Actor": {"ID": container}})
        _until(lambda: watched.records == {})
        assert watched.attached == []


def test_who_starts_and_who_dies_is_told_at_once_even_while_another_one_is_being_attached(socket: Path) -> None:
    watched = Watched(socket, _RUNNING)
    watched.hold = threading.Event()
    with _engine(socket) as fake, watched.running():
        _until(lambda: watched.attached == [_RUNNING])
        for action, container in (("die", _OTHER), ("start", _OTHER), ("destroy", _OTHER), ("die", _RUNNING)):
            fake.emit({"Type": "container", "Action": action, "Actor": {"ID": container}})
        _until(lambda: watched.names.heard == ["died 01", "started 01", "died ab"])
        watched.hold.set()


def test_at_the_start_names_are_taken_from_those_that_do_not_run(socket: Path) -> None:
    watched = Watched(socket)
    watched.names.containers = {_RUNNING, _STOPPED, _GONE}
    with _engine(socket), watched.running():
        _until(lambda: sorted(watched.names.heard) == ["died cd", "died ef"])


def test_a_failure_is_tried_again_and_finally_said(socket: Path, caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched(socket, _RUNNING)
    watched.complaints = ["it died"] * reattach.ATTEMPTS
    with _engine(socket), watched.running():
        _until(lambda: len(watched.attached) == reattach.ATTEMPTS)
        _until(lambda: "it died" in caplog.text)
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR] == [
        f"can't attach {_RUNNING[:12]} again: it died"
    ]


def test_after_the_engine_was_away_all_that_runs_is_attached_again(
    socket: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watched = Watched(socket, _RUNNING)
    with caplog.at_level(logging.INFO), ExitStack() as stack:
        with _engine(socket):
            stack.enter_context(watched.running())
            _until(lambda: len(watched.attached) == 1)
        time.sleep(0.1)
        with _engine(socket) as fake:
            _until(lambda: len(watched.attached) == 2)
            fake.drop_connections()
            _until(lambda: len(watched.attached) == 3)
            stack.close()
    assert "the engine is back" in caplog.text


def test_without_an_engine_there_is_one_line_and_no_thread(socket: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Watched(socket).running():
        _until(lambda: caplog.records)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "no engine at" in caplog.text
    _until(lambda: not [thread for thread in threading.enumerate() if thread.name == "reattach"])


def test_the_executor_is_run_as_a_program_and_its_last_line_is_the_complaint(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "python"
    program.write_text('#!/bin/sh\necho "$@" >&2\necho >&2\nexit 1\n')
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    assert run_attach("c1", ["10.2.1.1/24", "10.2.2.1/24"]) == (
        "-I -m weave_http --local attach 10.2.1.1/24 10.2.2.1/24 c1"
    )
    program.write_text("#!/bin/sh\necho something >&2\n")
    assert run_attach("c1", _ADDRESSES) == ""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))
    assert "No such file" in run_attach("c1", _ADDRESSES)
