"""One executor call: the order of its API calls, its output and exit code, and that nothing is left behind."""

import os
import signal
import threading

import pytest

from tests.commands.conftest import Desk
from tests.fake_engine import Recorded, Reply, Run
from weave_http import constants
from weave_http.commands import Caller, perform
from weave_http.commands.executor import execute
from weave_http.commands.signals import Interrupted
from weave_http.engine.errors import APIError, StreamError
from weave_http.errors import EngineError, UsageError
from weave_http.operations import Launch, Ps, parse
from weave_http.records import replace


def test_the_calls_are_create_attach_wait_start_and_delete(desk: Desk) -> None:
    assert execute(desk.caller, ["ps"]) == 0
    assert desk.routes() == [
        "HEAD /_ping",
        "POST /containers/create",
        "POST /containers/<1>/attach",
        "POST /containers/<1>/wait",
        "POST /containers/<1>/start",
        "DELETE /containers/<1>",
    ]
    assert desk.fake.requests[-1].query == {"v": "1", "force": "1"}
    assert desk.fake.containers == {}


def test_an_outcome_has_what_was_said_and_nothing_is_printed_elsewhere(
    desk: Desk, capfd: pytest.CaptureFixture[str]
) -> None:
    desk.fake.program = lambda config: Run([(1, b"a\n"), (2, b"why\n")], code=3)
    outcome = perform(Caller(desk.caller.engine), Ps())
    assert (outcome.code, outcome.out, outcome.err) == (3, "a\n", "why\n")
    assert capfd.readouterr() == ("", "")


def test_output_and_exit_code_come_through_exactly(desk: Desk) -> None:
    desk.fake.program = lambda config: Run([(1, b"a\xffb\r\n"), (2, b"why\n"), (1, b"c")], code=3)
    assert execute(desk.caller, ["ps"]) == 3
    assert desk.out.getvalue() == b"a\xffb\r\nc"
    assert desk.err.getvalue() == b"why\n"


def test_an_image_that_is_named_is_pulled_when_the_daemon_has_none(desk: Desk) -> None:
    desk.fake.images.clear()
    desk.fake.pullable.add("registry.example/weave:7")
    caller = replace(desk.caller, environ={"EXEC_IMAGE": "registry.example/weave:7"})
    assert execute(caller, ["ps"]) == 0
    assert desk.routes()[1:4] == ["POST /containers/create", "POST /images/create", "POST /containers/create"]


def test_an_image_that_can_not_be_pulled_is_named_with_what_to_do(desk: Desk) -> None:
    desk.fake.images.clear()
    caller = replace(desk.caller, environ={"EXEC_IMAGE": "registry.example/weave:7"})
    with pytest.raises(
        StreamError, match=r"registry.example/weave:7.*weave setup. with --build.*a pull failed"
    ) as caught:
        execute(caller, ["ps"])
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 125


@pytest.mark.parametrize("environ", [{}, {"VERSION": "9"}, {"EXEC_IMAGE": ""}])
@pytest.mark.parametrize("line", ["ps", "run 10.2.1.1/24 busybox sh", "run --with-dns 10.2.1.1/24 busybox sh"])
def test_the_default_image_is_never_pulled_as_its_name_is_nobodys(
    desk: Desk, environ: dict[str, str], line: str
) -> None:
    desk.fake.images = {"busybox": {"Id": "sha256:2"}}
    desk.fake.pullable |= {constants.DEFAULT_IMAGE, f"{constants.IMAGE_REPOSITORY}:9"}
    with pytest.raises(EngineError, match=r"has no image .*; .*weave setup. with --build.*EXEC_IMAGE") as caught:
        perform(replace(desk.caller, environ=environ), parse(line.split()))
    assert "POST /images/create" not in desk.fake.calls()
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 125


def test_a_container_that_does_not_start_is_removed(desk: Desk) -> None:
    desk.fake.on("POST", r"/containers/[^/]+/start", lambda request, reply: reply.error(500, "no cgroups today"))
    with pytest.raises(APIError, match="no cgroups today"):
        execute(desk.caller, ["ps"])
    assert desk.fake.containers == {}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_reaches_the_executor_whose_exit_code_counts(desk: Desk, number: signal.Signals) -> None:
    desk.fake.program = lambda config: Run([(1, b"at work\n")], code=128 + number, until=threading.Event())
    with desk.caller.signals.listening():
        alarm = threading.Timer(0.3, os.kill, (os.getpid(), number))
        alarm.start()
        code = execute(desk.caller, ["launch"])
        alarm.join()
    assert code == 128 + number
    assert f"POST /containers/{desk.ids[0]}/kill" in desk.fake.calls()
    kill = next(request for request in desk.fake.requests if request.path.endswith("/kill"))
    assert kill.query == {"signal": number.name}
    assert desk.fake.containers == {}


def test_a_signal_before_the_start_removes_the_container_that_was_just_created(desk: Desk) -> None:
    with desk.caller.signals.listening():
        create = desk.fake._create

        def interrupted(request: Recorded, reply: Reply) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            create(request, reply)

        desk.fake.on("POST", "/containers/create", interrupted)
        with pytest.raises(Interrupted) as caught:
            execute(desk.caller, ["launch"])
    assert caught.value.exit_code == 130
    assert desk.routes()[-1] == "DELETE /containers/<1>"
    assert desk.fake.containers == {}


def test_a_signal_while_nothing_is_at_stake_is_raised_at_once(desk: Desk) -> None:
    with desk.caller.signals.listening(), pytest.raises(Interrupted):
        signal.raise_signal(signal.SIGINT)


def test_the_signals_of_the_process_are_its_own_again_afterwards(desk: Desk) -> None:
    before = signal.getsignal(signal.SIGINT)
    with desk.caller.signals.listening():
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before


@pytest.mark.parametrize("words", [["--password", "hunter2"], ["-password=hunter2"], ["--password=hunter2"]])
def test_a_password_goes_by_the_environment_and_not_by_the_command_line(desk: Desk, words: list[str]) -> None:
    assert perform(desk.caller, Launch.parse(["--port", "7000", *words, "10.0.0.1"])).ok
    created = next(request for request in desk.fake.requests if request.path == "/containers/create")
    assert created.json["Cmd"] == ["--local", "launch", "--port", "7000", "10.0.0.1"]
    assert created.json["Env"][1:] == ["WEAVE_PASSWORD=hunter2"]


def test_a_password_option_without_a_password_is_refused() -> None:
    with pytest.raises(UsageError, match="needs a value"):
        Launch.parse(["--password"])


def test_a_signal_that_the_process_was_started_to_ignore_stays_ignored(desk: Desk) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with desk.caller.signals.listening():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert desk.caller.signals.waiting == 0
