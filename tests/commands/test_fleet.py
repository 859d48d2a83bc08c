"""The same work on many hosts: none holds the others, and a signal ends all of it in order."""

from __future__ import annotations

import io
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests import fake_resident
from tests.fake_engine import FakeEngine, Recorded, Reply, Run
from weave_http import constants
from weave_http.commands import Caller, perform, up
from weave_http.commands.fleet import Fleet, Member, worst
from weave_http.commands.placing import check, spread
from weave_http.commands.signals import Interrupted, Signals
from weave_http.engine import Endpoint, connect
from weave_http.errors import HostError, UsageError
from weave_http.operations import Attach, Ps, Stop
from weave_http.operations import Run as RunOperation

IMAGE = {"Id": "sha256:" + "1" * 64, "Os": "linux", "Architecture": "amd64", "Size": 10}


@contextmanager
def opening(member: Member) -> Iterator[Caller]:
    with connect(member.endpoint, transport="wire") as engine:
        yield Caller(engine, io.BytesIO(), io.BytesIO(), endpoint=member.endpoint)


def saying(name: str, _: object) -> Run:
    return Run(output=[(1, f"{name}\n".encode())])


@pytest.fixture
def fakes(tmp_path: Path) -> Iterator[dict[str, FakeEngine]]:
    """Three engines that have the image; their executors print the host's name."""
    with ExitStack() as stack:
        found = {}
        for name in ("a", "b", "c"):
            fake = found[name] = stack.enter_context(FakeEngine(tmp_path / f"{name}.sock"))
            fake.images[constants.DEFAULT_IMAGE] = dict(IMAGE)
            fake.program = partial(saying, name)
        yield found


def fleet_of(fakes: dict[str, FakeEngine], *more: Member, signals: Signals | None = None, **options: float) -> Fleet:
    members = [Member(name, fake.endpoint, f"10.0.0.{index}") for index, (name, fake) in enumerate(fakes.items(), 1)]
    patience = options.get("patience", 60.0)
    return Fleet([*members, *more], opening, signals=signals, at_once=int(options.get("at_once", 8)), patience=patience)


def test_results_are_values_in_the_order_of_the_hosts(fakes: dict[str, FakeEngine]) -> None:
    ended: list[str] = []
    with fleet_of(fakes, at_once=2) as fleet:
        results = fleet.perform(Ps(), ended=lambda result: ended.append(result.host))
        assert [(result.host, result.code, result.outcome and result.outcome.out) for result in results] == [
            (name, 0, f"{name}\n") for name in "abc"
        ]
        assert sorted(ended) == ["a", "b", "c"]
        fleet.perform(Ps())
    assert fakes["a"].calls().count("HEAD /_ping") == 1, "a caller is kept"


def test_a_host_that_fails_or_is_silent_does_not_hold_the_others(fakes: dict[str, FakeEngine], tmp_path: Path) -> None:
    fakes["b"].program = lambda _: Run(output=[(2, b"no router\n")], code=3)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "silent.sock"))
        silent.listen()
        more = [
            Member("silent", Endpoint("unix", path=str(tmp_path / "silent.sock"))),
            Member("dead", Endpoint("unix", path=str(tmp_path / "dead.sock"))),
        ]
        with fleet_of(fakes, *more, patience=1.0) as fleet:
            results = {result.host: result for result in fleet.perform(Ps())}
    assert [results[name].code for name in ("a", "b", "c", "silent", "dead")] == [0, 3, 0, 125, 125]
    assert "gave no answer within 1 s" in str(results["silent"].error)
    assert worst(list(results.values())) == 125


def test_a_host_that_freezes_in_the_midst_of_its_work_is_left_alone(fakes: dict[str, FakeEngine]) -> None:
    """It is asked whether it is there, on another connection; a busy one says so, and is waited for."""
    thawed, busy = threading.Event(), threading.Event()

    def work(name: str, caller: Caller) -> str:
        caller.engine.ping()
        if name == "b":  # from here on it hears and says nothing
            fakes["b"].on("HEAD", "/_ping", silent)
            thawed.wait(60)
        elif name == "c":
            fakes["c"].on("HEAD", "/_ping", answering)
            assert busy.wait(60), "it is asked"
        return name

    def silent(request: Recorded, reply: Reply) -> None:
        thawed.wait(60)

    def answering(request: Recorded, reply: Reply) -> None:
        fakes["c"]._ping(request, reply)
        busy.set()

    try:
        with fleet_of(fakes, patience=0.5) as fleet:
            each: dict[str, Callable[[Caller], str]] = {name: partial(work, name) for name in fakes}
            results = fleet.each(each)
    finally:
        thawed.set()
    assert [(result.value, result.code) for result in results] == [("a", 0), (None, 125), ("c", 0)]
    assert "has stopped answering; what was under way there may be done or not: do it again" in str(results[1].error)


def test_whoever_shows_results_is_told_when_none_comes_for_a_while(fakes: dict[str, FakeEngine]) -> None:
    told: list[list[str]] = []
    ended: list[str] = []
    go_on = threading.Event()

    def lull() -> None:
        told.append(list(ended))
        go_on.set()

    with fleet_of(fakes) as fleet:
        late = {"b": lambda caller: go_on.wait(60), **dict.fromkeys("ac", lambda caller: True)}
        fleet.each(late, ended=lambda result: ended.append(result.host), lull=lull)
    assert sorted(told[-1]) == ["a", "c"]
    assert sorted(ended) == ["a", "b", "c"]


def test_an_operation_that_goes_warm_is_one_request(fakes: dict[str, FakeEngine]) -> None:
    """A connection costs more than all else: there is no greeting before it."""
    for fake in fakes.values():
        fake_resident.add(fake, work=lambda words: Run([(1, b"x\n")]))
    with fleet_of(fakes) as fleet:
        results = fleet.perform(Ps())
    assert [result.outcome and result.outcome.out for result in results] == ["x\n"] * 3
    assert [fake.calls() for fake in fakes.values()] == [["POST /containers/weave-exec/attach"]] * 3


def test_a_fault_of_the_work_is_that_hosts_alone(fakes: dict[str, FakeEngine]) -> None:
    def work(caller: Caller) -> int:
        if caller.endpoint.path.endswith("b.sock"):
            raise ZeroDivisionError
        return 7

    with fleet_of(fakes) as fleet:
        results = fleet.each(work)
    assert [result.value for result in results] == [7, None, 7]
    assert "ZeroDivisionError" in str(results[1].error)


def test_a_signal_ends_what_runs_on_every_host_and_leaves_nothing(fakes: dict[str, FakeEngine], tmp_path: Path) -> None:
    """The programs end by the signal that is handed on; the silent host is not waited for."""
    for fake in fakes.values():
        fake.program = lambda _: Run(until=threading.Event())

    def interrupt() -> None:
        while not all(each.containers for each in fakes.values()):
            time.sleep(0.01)
        while any(one.status != "running" for each in fakes.values() for one in list(each.containers.values())):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    signals = Signals()
    with socket.socket(socket.AF_UNIX) as silent, signals.listening():
        silent.bind(str(tmp_path / "silent.sock"))
        silent.listen()
        more = Member("silent", Endpoint("unix", path=str(tmp_path / "silent.sock")))
        threading.Thread(target=interrupt, daemon=True).start()
        with fleet_of(fakes, more, signals=signals) as fleet, pytest.raises(Interrupted) as caught:
            fleet.perform(Ps())
    assert caught.value.exit_code == 143
    assert [list(fake.containers) for fake in fakes.values()] == [[], [], []]


def test_what_was_given_up_makes_nothing_any_more(fakes: dict[str, FakeEngine]) -> None:
    """A signal that comes before the container is created keeps it from being created."""
    signals = Signals()
    assert not signals.deliver(signal.SIGTERM)
    with connect(fakes["a"].endpoint) as engine, pytest.raises(Interrupted):
        perform(Caller(engine, signals=signals), Stop())
    assert "POST /containers/create" not in fakes["a"].calls()


# -- up ----------------------------------------------------------------------------------------------


def words(fake: FakeEngine) -> list[list[str]]:
    """The words that executors got on a host."""
    bodies = [request.json for request in fake.requests if request.call.startswith("POST /containers/create")]
    return [body["Cmd"][1:] for body in bodies]


def test_up_gives_each_router_all_others_and_waits_for_them(fakes: dict[str, FakeEngine]) -> None:
    with fleet_of(fakes) as fleet:
        results = up(fleet, flags=["--no-dns"], wait=7)
    assert [(result.host, result.value, result.code) for result in results] == [
        (name, "connected to 2 peers", 0) for name in "abc"
    ]
    assert words(fakes["a"]) == [
        ["launch", "--if-needed", "--no-dns", "10.0.0.2", "10.0.0.3"],
        ["status", "--wait=7", "--peer", "10.0.0.2", "--peer", "10.0.0.3", "targets"],
    ]


def test_up_leaves_a_host_out_that_fails_and_joins_the_others(fakes: dict[str, FakeEngine]) -> None:
    fakes["b"].program = lambda _: Run(output=[(2, b"a hint\nTCP port 6783 is taken\n")], code=1)
    dead = Member("dead", Endpoint("unix", path="/nonexistent/docker.sock"), "10.0.0.9")
    said: list[tuple[str, str]] = []
    with fleet_of(fakes, dead) as fleet:
        results = {each.host: each for each in up(fleet, tell=lambda host, line: said.append((host, line)))}
    assert [results[name].code for name in ("a", "b", "c", "dead")] == [0, 1, 0, 125]
    assert isinstance(results["b"].error, HostError)
    assert str(results["b"].error) == "TCP port 6783 is taken"
    assert ("b", "a hint") in said
    assert words(fakes["a"])[0] == ["launch", "--if-needed", "10.0.0.2", "10.0.0.3"]
    assert words(fakes["a"])[1][1:] == ["--wait=30", "--peer", "10.0.0.3", "targets"]


def test_up_refuses_flags_that_make_no_sense_before_anything_is_sent(fakes: dict[str, FakeEngine]) -> None:
    with fleet_of(fakes) as fleet, pytest.raises(UsageError, match="nonsense"):
        up(fleet, flags=["--nonsense"])
    assert not any(fake.requests for fake in fakes.values())


# -- on which hosts ----------------------------------------------------------------------------------


def test_a_spread_counts_names_and_addresses_up() -> None:
    run = RunOperation.parse(["--spread", "2", "10.2.1.5/24", "--name", "web", "nginx"])
    placed = spread(run, ["a", "b", "c"])
    assert {name: (str(each.addresses[0]), each.number) for name, each in placed.items()} == {  # type: ignore[attr-defined]
        "a": ("10.2.1.5/24", 1),
        "b": ("10.2.1.6/24", 2),
    }


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("--spread 4 10.2.1.1/24 nginx", "--spread 4 takes more hosts than the 3"),
        ("--spread 3 10.2.1.253/24 nginx", "the subnet of 10.2.1.253/24 has no 2 addresses after it"),
        ("--spread 2 --on a 10.2.1.1/24 nginx", "--on and --spread exclude each other"),
        ("--spread 2 --foreground 10.2.1.1/24 nginx", "--foreground is for one container"),
    ],
)
def test_a_spread_that_can_not_be_is_refused(line: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        spread(RunOperation.parse(line.split()), ["a", "b", "c"])


def test_one_address_for_several_hosts_is_refused() -> None:
    attach = Attach.parse(["10.2.1.1/24", "web"])
    with pytest.raises(UsageError, match=r"10\.2\.1\.1/24 can be on one host only, and 2 are chosen"):
        check(attach, ["a", "b"])
    check(attach, ["a"])
