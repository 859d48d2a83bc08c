"""The warm way: one call where there is a resident executor, the cold way wherever nothing was begun."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from tests import fake_resident
from tests.commands.conftest import Desk
from tests.fake_engine import Recorded, Reply, Run
from weave_http import constants
from weave_http.commands import perform, warm
from weave_http.commands.warm import ResidentLost
from weave_http.operations import Launch, Ps, Reset, Stop, find, operations, parse
from weave_http.operations.frames import encode
from weave_http.records import replace

ATTACH = f"POST /containers/{constants.RESIDENT_CONTAINER}/attach"


def cold_as_well(desk: Desk) -> bool:
    """Tell whether a container was made for it."""
    return "POST /containers/create" in desk.fake.calls()


def test_a_warm_operation_is_one_call_and_comes_through_exactly(desk: Desk) -> None:
    output = [(1, b"a\xffb\r\n"), (2, b"why\n" * 500), (1, "ü".encode())]
    resident = fake_resident.add(desk.fake, work=lambda words: Run(output, code=3))
    outcome = perform(replace(desk.caller, environ={"WEAVE_MTU": "1400", "WEAVE_PASSWORD": "x"}), Ps(("c1",)))
    assert desk.fake.calls() == [ATTACH]
    assert desk.fake.requests[0].version == ""
    assert desk.fake.requests[0].query == dict.fromkeys(("stream", "stdin", "stdout", "stderr"), "1")
    assert outcome.code == 3
    assert b"".join(data for stream, data in outcome.said if stream == 1) == b"a\xffb\r\n\xc3\xbc"
    assert desk.out.getvalue() == b"a\xffb\r\n\xc3\xbc"
    assert desk.err.getvalue() == b"why\n" * 500
    call = resident.heard[0]["call"]
    assert call == {"words": ["ps", "c1"], "env": {"WEAVE_MTU": "1400"}, "image": constants.DEFAULT_IMAGE}
    assert [list(frame)[1] for frame in resident.heard] == ["call", "go"]


@pytest.mark.parametrize("operation", [Launch(), Stop(), Reset(), parse(["dns-args", "-e", "A=secret", "x"])])
def test_what_ends_the_resident_or_holds_secrets_is_cold(desk: Desk, operation: Ps) -> None:
    fake_resident.add(desk.fake)
    assert perform(desk.caller, operation).ok
    assert ATTACH not in desk.fake.calls()


def test_the_operations_that_are_never_warm() -> None:
    cold = {operation.name for operation in operations() if not operation.warm}
    assert cold == {"launch", "run", "stop", "reset", "setup", "dns-args", "upgrade", "password"}
    assert find("attach") is not None


def test_a_caller_who_wants_it_cold_has_it_cold(desk: Desk) -> None:
    fake_resident.add(desk.fake)
    assert perform(replace(desk.caller, cold=True), Ps()).ok
    assert ATTACH not in desk.fake.calls()


@pytest.mark.parametrize(
    ("resident", "environ"),
    [
        ({"version": "0.0.9"}, {}),
        ({"image": "somebody/weave:1"}, {}),
        ({}, {"EXEC_IMAGE": "somebody/weave:1"}),
        ({"silent_at": "call"}, {}),
        ({"ends_at": "call"}, {}),
    ],
)
def test_another_resident_or_a_silent_one_begins_nothing_and_a_container_does_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, resident: dict[str, str], environ: dict[str, str]
) -> None:
    monkeypatch.setattr(warm, "READY_SECONDS", 0.2)
    desk.fake.images["somebody/weave:1"] = {"Id": "sha256:2"}
    desk.fake.program = lambda config: Run([(1, b"cold\n")], code=4)
    found = fake_resident.add(desk.fake, **resident)
    outcome = perform(replace(desk.caller, environ=environ), Ps())
    assert (outcome.code, outcome.out) == (4, "cold\n")
    assert cold_as_well(desk)
    assert not any("go" in frame for frame in found.heard)


@pytest.mark.parametrize("status", [403, 404, 409, 500])
def test_a_daemon_that_refuses_the_attach_has_the_cold_way(desk: Desk, status: int) -> None:
    route = f"/containers/{constants.RESIDENT_CONTAINER}/attach"
    desk.fake.on("POST", route, lambda request, reply: reply.error(status, "no"))
    assert perform(desk.caller, Ps()).ok
    assert cold_as_well(desk)


@pytest.mark.parametrize(
    ("words", "environ"),
    [
        (["ps", "x" * 5000], {}),
        (["ps"], {"PROCFS": "/elsewhere"}),
    ],
)
def test_what_can_not_be_said_so_is_done_by_a_container(desk: Desk, words: list[str], environ: dict[str, str]) -> None:
    resident = fake_resident.add(desk.fake)
    assert perform(replace(desk.caller, environ=environ), parse(words)).ok
    assert (resident.heard, cold_as_well(desk)) == ([], True)


@pytest.mark.parametrize("podman", [False, True])
def test_on_podman_one_that_is_made_ready_but_never_runs_is_started(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, podman: bool
) -> None:
    monkeypatch.setattr(warm, "READY_SECONDS", 0.2)
    desk.fake.podman = podman
    fake_resident.add(desk.fake, silent_at="call")
    assert perform(desk.caller, Ps()).ok
    assert desk.fake.calls().count(f"POST /containers/{constants.RESIDENT_CONTAINER}/start") == podman
    assert cold_as_well(desk)


@pytest.mark.parametrize("attachable", [True, False])
def test_on_podman_one_that_was_killed_before_it_ran_is_stopped_and_started(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, attachable: bool
) -> None:
    def refuse(_request: Recorded, reply: Reply) -> None:
        desk.fake.on("POST", start, desk.fake._start)
        reply.error(500, "crun start failed: exit status 1")

    start = f"/containers/{constants.RESIDENT_CONTAINER}/start"
    monkeypatch.setattr(warm, "READY_SECONDS", 0.2)
    desk.fake.podman = True
    fake_resident.add(desk.fake, silent_at="call")
    resident = next(each for each in desk.fake.containers.values() if each.name == constants.RESIDENT_CONTAINER)
    resident.status = "created"
    desk.fake.on("POST", start, refuse)
    if not attachable:
        desk.fake.on("POST", ATTACH.split()[1], lambda request, reply: reply.error(500, "no attach socket"))
    assert perform(desk.caller, Ps()).ok
    ours = [call.rpartition("/")[2] for call in desk.fake.calls() if f"/{constants.RESIDENT_CONTAINER}/" in call]
    assert ours == ["attach", "start", "json", "stop", "start"]


@pytest.mark.parametrize("how", ["ends_at", "silent_at"])
def test_a_resident_that_is_lost_midway_is_told_in_one_line_and_nothing_is_done_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(warm, "SILENT_SECONDS", 0.2)
    fake_resident.add(desk.fake, **{how: "go"})
    with pytest.raises(ResidentLost, match=r"unknown whether ps was done; do it again, which is safe") as caught:
        perform(desk.caller, Ps())
    assert (caught.value.exit_code, "\n" in str(caught.value)) == (125, False)
    assert not cold_as_well(desk)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_goes_to_the_operation_as_a_frame(desk: Desk, number: signal.Signals) -> None:
    resident = fake_resident.add(desk.fake, silent_at="go")

    def end() -> None:
        while not any(frame.get("signal") == number for frame in resident.heard):
            pass
        container = desk.fake.containers["e" * 64]
        call = next(frame["id"] for frame in resident.heard if "call" in frame)
        desk.fake._write(container, 1, encode({"id": call, "end": 128 + number}))

    with desk.caller.signals.listening():
        alarm = threading.Timer(0.3, os.kill, (os.getpid(), number))
        alarm.start()
        threading.Thread(target=end, daemon=True).start()
        assert perform(desk.caller, Ps()).code == 128 + number
        alarm.join()
