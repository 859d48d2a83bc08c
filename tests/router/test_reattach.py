from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.fake_engine import FakeContainer, FakeEngine
from weave_http.addresses import Cidr, parse_cidr
from weave_http.engine import Engine
from weave_http.errors import HostError
from weave_http.router import reattach
from weave_http.router.reattach import Reattacher
from weave_http.router.rejoin import Joined

_RUNNING, _STOPPED, _GONE, _OTHER = ("ab" * 32, "cd" * 32, "ef" * 32, "01" * 32)
_ADDRESSES = (parse_cidr("10.2.1.1/24"),)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reattach, "delay", lambda attempt: 0.02)


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    return tmp_path / "d.sock"


class Names:
    """Hears which containers start, die and are removed."""

    def __init__(self, *containers: str) -> None:
        self.containers = set(containers)
        self.heard: list[str] = []

    def started(self, container: str) -> None:
        self.heard.append(f"started {container[:2]}")

    def died(self, container: str) -> None:
        self.heard.append(f"died {container[:2]}")

    def removed(self, container: str) -> None:
        self.heard.append(f"removed {container[:2]}")


class Watched:
    """A reattacher, and what it does."""

    def __init__(self, socket: Path, *records: str) -> None:
        self.records = dict.fromkeys(records, _ADDRESSES)
        self.attached: list[str] = []
        self.complaints: list[str] = []
        self.names = Names()
        self.hold: threading.Event | None = None
        self.there: dict[str, Joined] = {}
        self.adopted: list[str] = []
        self.drops = 0
        self.held: list[str] = []
        self.sockets = [str(socket)]
        self.it = Reattacher(
            lambda: dict(self.records),
            self._drop,
            self._adopt,
            socket=lambda: self.sockets[-1],
            join=self._join,
            look=lambda engine, container: self.there.get(container),
            names=self.names,
            held=lambda: list(self.held),
        )

    async def _drop(self, containers: Collection[str]) -> None:
        self.drops += 1
        for container in containers:
            self.records.pop(container, None)
        self.held = [each for each in self.held if each not in containers]

    async def _adopt(self, container: str, joined: Joined) -> None:
        self.adopted.append(container)

    def _join(self, engine: Engine, container: str, addresses: Sequence[Cidr]) -> bool:
        assert tuple(addresses) == _ADDRESSES
        self.attached.append(container)
        if self.hold is not None:
            self.hold.wait(10)
        if self.complaints:
            raise HostError(self.complaints.pop(0))
        return True

    @contextmanager
    def running(self) -> Iterator[Reattacher]:
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        try:
            loop.call_soon_threadsafe(self.it.start)
            yield self.it
        finally:
            self.it.stop()
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


def test_addresses_of_who_was_never_attached_go_with_the_container(socket: Path) -> None:
    watched = Watched(socket)
    watched.held = [_OTHER, _GONE]
    with _engine(socket) as fake, watched.running():
        _until(lambda: watched.held == [_OTHER])
        _until(_listening(fake))
        fake.emit({"Type": "container", "Action": "destroy", "Actor": {"ID": _OTHER}})
        _until(lambda: not watched.held)


def test_that_a_container_was_removed_is_remembered(socket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reattach, "_MOST_REMOVED", 2)
    watched = Watched(socket)
    with _engine(socket) as fake, watched.running():
        _until(_listening(fake))
        for container in (_OTHER, _STOPPED, _RUNNING):
            fake.emit({"Type": "container", "Action": "destroy", "Actor": {"ID": container}})
        _until(lambda: watched.it.is_removed(_RUNNING))
        assert [watched.it.is_removed(each) for each in (_OTHER, _STOPPED, _GONE)] == [False, True, False]


def test_who_starts_and_who_dies_is_told_at_once_even_while_another_one_is_being_attached(socket: Path) -> None:
    watched = Watched(socket, _RUNNING)
    watched.hold = threading.Event()
    with _engine(socket) as fake, watched.running():
        _until(lambda: watched.attached == [_RUNNING])
        for action, container in (("die", _OTHER), ("start", _OTHER), ("destroy", _OTHER), ("die", _RUNNING)):
            fake.emit({"Type": "container", "Action": action, "Actor": {"ID": container}})
        _until(lambda: watched.names.heard == ["died 01", "started 01", "removed 01", "died ab"])
        watched.hold.set()


def test_at_the_start_names_sleep_or_go_with_those_that_do_not_run_or_are_no_more(socket: Path) -> None:
    watched = Watched(socket)
    watched.names.containers = {_RUNNING, _STOPPED, _GONE}
    with _engine(socket), watched.running():
        _until(lambda: sorted(watched.names.heard) == ["died cd", "removed ef", "started ab"])


def test_what_is_on_the_network_without_a_record_is_taken_over_once(socket: Path) -> None:
    watched = Watched(socket, _RUNNING)
    watched.there = {each: Joined(_ADDRESSES, "c1.weave.local") for each in (_RUNNING, _OTHER, _STOPPED)}
    with _engine(socket) as fake, watched.running():
        _until(lambda: watched.adopted == [_OTHER])
        fake.drop_connections()
        _until(lambda: len(watched.attached) == 2)
        assert watched.adopted == [_OTHER], "who was detached since is left alone"


def test_addresses_that_were_given_while_there_was_no_router_are_taken_over(socket: Path) -> None:
    watched = Watched(socket, _RUNNING, _OTHER)
    watched.there = {
        _RUNNING: Joined((*_ADDRESSES, parse_cidr("10.2.2.1/24")), ""),
        _OTHER: Joined((), ""),
    }
    with _engine(socket), watched.running():
        _until(lambda: watched.adopted and sorted(watched.attached) == sorted([_RUNNING, _OTHER]))
        assert watched.adopted == [_RUNNING]


def test_a_container_that_can_not_be_looked_at_is_no_reason_to_stop(
    socket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(socket, _STOPPED)

    def look(engine: Engine, container: str) -> Joined:
        if container == _RUNNING:
            raise HostError("it is odd")
        return Joined(_ADDRESSES, "")

    monkeypatch.setattr(watched.it, "_look", look)
    with _engine(socket) as fake, watched.running():
        _until(lambda: watched.adopted == [_OTHER])
        fake.emit({"Type": "container", "Action": "start", "Actor": {"ID": _STOPPED}})
        _until(lambda: watched.attached == [_STOPPED])


def test_thousands_of_stale_records_are_forgotten_at_once(socket: Path) -> None:
    watched = Watched(socket, *(f"{number:064x}" for number in range(2000)))
    with _engine(socket), watched.running():
        _until(lambda: not watched.records)
    assert watched.drops == 1


def test_an_engine_that_comes_back_elsewhere_is_followed_there_and_the_loss_is_told(
    socket: Path, tmp_path: Path
) -> None:
    watched = Watched(socket, _RUNNING)
    with ExitStack() as stack:
        with _engine(socket) as fake:
            it = stack.enter_context(watched.running())
            _until(_listening(fake))
            _until(lambda: not it.trouble)
        _until(lambda: it.trouble and it.lost_at > time.time() - 10)
        watched.sockets.append(str(tmp_path / "elsewhere.sock"))
        with _engine(tmp_path / "elsewhere.sock") as fake:
            _until(lambda: not it.trouble and not it.lost_at)
            _until(_listening(fake))
            fake.emit({"Type": "container", "Action": "start", "Actor": {"ID": _RUNNING}})
            _until(lambda: len(watched.attached) >= 3)
            stack.close()


def test_events_begin_before_the_engine_was_asked(socket: Path) -> None:
    """An engine may answer before it listens to its own events."""
    watched = Watched(socket)
    with _engine(socket) as fake, watched.running():
        _until(_listening(fake))
        events = next(request for request in fake.requests if request.path.endswith("/events"))
    assert int(events.query["since"]) <= time.time() - 1


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
