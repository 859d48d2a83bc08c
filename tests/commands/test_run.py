"""`weave run`: the container is created and started from here, then attached; or nothing of it is left."""

import os
import signal
from pathlib import Path

import pytest

from tests.commands.conftest import Desk, run
from tests.fake_engine import FakeContainer, Recorded, Reply, Run
from weave_http import constants
from weave_http.commands import holder
from weave_http.commands.container_run import ProgramError, start_failure_code
from weave_http.commands.id_file import LocalIdFiles
from weave_http.commands.signals import Interrupted
from weave_http.engine.errors import APIError, Conflict, NotFound, StreamError
from weave_http.errors import EngineError
from weave_http.records import replace
from weave_http.run_args import CreateRequest, parse


def request(line: str) -> CreateRequest:
    return parse(line.split())


@pytest.fixture(autouse=True)
def busybox(desk: Desk) -> None:
    """The daemon has the user's image too."""
    desk.fake.images["busybox"] = {"Id": "sha256:" + "2" * 64}


def created(desk: Desk) -> list[Recorded]:
    """The create calls."""
    return [call for call in desk.fake.requests if call.path == "/containers/create"]


def mine(desk: Desk) -> list[FakeContainer]:
    """The containers on the daemon, but for those that hold the waiter."""
    return [each for each in desk.fake.containers.values() if not each.name.startswith(constants.WAITER_VOLUMES)]


def programs(desk: Desk, *, attach: Run) -> None:
    """Say what the executor does; the user's container just runs."""
    desk.fake.program = lambda config: attach if config["Image"] != "busybox" else Run()


def test_it_creates_starts_attaches_and_prints_the_id(desk: Desk) -> None:
    assert run(replace(desk.caller, cold=True), ["10.2.1.1/24"], request("--name c1 busybox sh")) == 0
    container = desk.ids[1]
    assert desk.out.getvalue() == f"{container}\n".encode()
    assert desk.routes()[1:] == [
        "GET /images/busybox/json",
        f"GET /images/{constants.DEFAULT_IMAGE}/json",
        "POST /containers/create",
        "POST /containers/<1>/start",
        "POST /containers/create",
        "POST /containers/<2>/attach",
        "POST /containers/<2>/wait",
        "POST /containers/<2>/start",
        "POST /containers/create",
        "POST /containers/<3>/attach",
        "POST /containers/<3>/wait",
        "POST /containers/<3>/start",
        "DELETE /containers/<3>",
    ]
    volumes, mine, executor = created(desk)
    assert volumes.query == {"name": "weavevolumes-111111111111"}
    assert mine.query == {"name": "c1"}
    assert mine.json["Entrypoint"] == ["/w/w"]
    assert mine.json["HostConfig"]["VolumesFrom"] == ["weavevolumes-111111111111:ro"]
    assert executor.json["Cmd"] == ["--local", "attach", "10.2.1.1/24", container]
    assert set(desk.fake.containers) > {container}


def test_the_waiters_volume_is_made_once(desk: Desk) -> None:
    assert run(desk.caller, ["10.2.1.1/24"], request("busybox sh")) == 0
    assert run(desk.caller, ["10.2.1.2/24"], request("busybox sh")) == 0
    assert sum(each.name.startswith(constants.WAITER_VOLUMES) for each in desk.fake.containers.values()) == 1
    desk.fake.images[constants.DEFAULT_IMAGE] = {"Id": "sha256:" + "9" * 64}
    assert run(desk.caller, ["10.2.1.3/24"], request("busybox sh")) == 0
    assert created(desk)[-2].json["HostConfig"]["VolumesFrom"] == ["weavevolumes-999999999999:ro"]


def test_an_image_of_weave_without_a_waiter_is_refused_with_what_to_do(desk: Desk) -> None:
    desk.fake.images[constants.DEFAULT_IMAGE] = {"Id": "sha256:" + "1" * 64, "Config": {"Labels": None}}
    with pytest.raises(EngineError, match=r"has no /w/w; .*weave setup.*--no-wait"):
        run(desk.caller, ["10.2.1.1/24"], request("busybox sh"))
    assert run(desk.caller, ["10.2.1.1/24"], request("busybox sh"), wait=False) == 0


def test_without_waiting_nothing_is_put_before_the_program_and_no_image_is_looked_at(desk: Desk) -> None:
    assert run(desk.caller, ["10.2.1.1/24"], request("busybox sh"), wait=False) == 0
    assert desk.routes()[1] == "POST /containers/create"
    assert created(desk)[0].json == {
        "Image": "busybox",
        "Cmd": ["sh"],
        "Env": ["WEAVE_CIDR=none"],
        "HostConfig": {},
    }


@pytest.mark.parametrize(
    ("line", "env"),
    [
        ("-e A=1 busybox", ["WEAVE_CIDR=none", "A=1"]),
        ("-e WEAVE_CIDR=net:default busybox", ["WEAVE_CIDR=net:default"]),
    ],
)
def test_other_tools_of_weave_are_told_to_leave_the_container_alone(desk: Desk, line: str, env: list[str]) -> None:
    run(desk.caller, ["10.2.1.1/24"], request(line))
    assert created(desk)[1].json["Env"] == env


@pytest.mark.parametrize("mode", ["host", "container:other"])
def test_a_container_without_a_network_namespace_of_its_own_is_refused(desk: Desk, mode: str) -> None:
    config = {"Image": "busybox", "HostConfig": {"NetworkMode": mode}}
    with pytest.raises(EngineError, match=f"--network {mode} can't be joined"):
        run(desk.caller, ["10.2.1.1/24"], CreateRequest(config, None))
    assert desk.fake.requests == []


def test_a_program_that_can_not_be_run_has_the_waiters_words_and_exit_code(desk: Desk) -> None:
    failed = Run([(2, b'weave: exec: "x": executable file not found in $PATH\n')], code=127)
    dead = Run([(2, b"container X not running\n")], code=1)
    desk.fake.program = lambda config: failed if config["Image"] == "busybox" else dead
    with pytest.raises(ProgramError, match=r'^exec: "x": executable file not found in \$PATH$') as caught:
        run(desk.caller, ["10.2.1.1/24"], request("busybox x"))
    assert caught.value.exit_code == 127
    assert desk.err.getvalue() == b""
    assert mine(desk) == []


@pytest.mark.parametrize(("policy", "pulls"), [("always", 1), ("missing", 0), ("never", 0), ("", 0)])
@pytest.mark.parametrize("wait", [True, False])
def test_an_image_that_is_there_is_pulled_only_when_always(desk: Desk, policy: str, pulls: int, wait: bool) -> None:
    desk.fake.pullable.add("busybox:latest")
    asked = CreateRequest({"Image": "busybox"}, None, pull=policy, platform="linux/arm64")
    assert run(desk.caller, ["10.2.1.1/24"], asked, wait=wait) == 0
    pulled = [each.query for each in desk.fake.requests if each.path == "/images/create"]
    assert pulled == [{"fromImage": "busybox", "tag": "latest", "platform": "linux/arm64"}] * pulls
    assert {each.query.get("platform") for each in created(desk) if each.json["Image"] == "busybox"} == {"linux/arm64"}


@pytest.mark.parametrize(("policy", "code"), [("missing", 0), ("never", 125), ("", 125)])
@pytest.mark.parametrize("wait", [True, False])
def test_an_image_that_is_missing_is_pulled_unless_never(desk: Desk, policy: str, code: int, wait: bool) -> None:
    desk.fake.pullable.add("other:1")
    asked = CreateRequest({"Image": "other:1"}, None, pull=policy)
    if code == 0:
        assert run(desk.caller, ["10.2.1.1/24"], asked, wait=wait) == 0
        return
    with pytest.raises(NotFound, match="No such image: other:1") as caught:
        run(desk.caller, ["10.2.1.1/24"], asked, wait=wait)
    assert caught.value.exit_code == code
    assert mine(desk) == []


def test_a_pull_that_was_asked_for_and_fails_does_not_say_that_there_is_no_image(desk: Desk) -> None:
    with pytest.raises(StreamError, match=r"^can't pull the image busybox: "):
        run(desk.caller, ["10.2.1.1/24"], CreateRequest({"Image": "busybox"}, None, pull="always"))


def test_warnings_about_the_arguments_come_first(desk: Desk) -> None:
    assert run(desk.caller, ["10.2.1.1/24"], CreateRequest({"Image": "busybox"}, None, warnings=("beware",))) == 0
    assert desk.err.getvalue() == b"WARNING: beware\n"


def test_a_container_that_removes_itself_is_waited_for_until_it_is_gone(desk: Desk) -> None:
    config = {"Image": "busybox", "HostConfig": {"AutoRemove": True}}
    run(desk.caller, ["10.2.1.1/24"], CreateRequest(config, None), foreground=True)
    waits = [each.query for each in desk.fake.requests if each.path.endswith("/wait")]
    assert waits[0] == {"condition": "removed"}


def test_a_removal_that_is_under_way_already_is_fine(desk: Desk) -> None:
    programs(desk, attach=Run(code=1))
    desk.fake.on(
        "DELETE",
        r"/containers/[^/]+",
        lambda request, reply: reply.error(409, "removal of container x is already in progress"),
    )
    assert run(desk.caller, ["10.2.1.1/24"], request("busybox")) == 1


@pytest.mark.parametrize("attach", [0, 1])
def test_a_cidfile_has_the_id_and_is_gone_if_the_container_is(desk: Desk, tmp_path: Path, attach: int) -> None:
    programs(desk, attach=Run(code=attach))
    caller = replace(desk.caller, id_files=LocalIdFiles())
    path = tmp_path / "cid"
    assert run(caller, ["10.2.1.1/24"], CreateRequest({"Image": "busybox"}, None, cidfile=str(path))) == attach
    assert (path.read_text() if attach == 0 else path.exists()) == (desk.ids[1] if attach == 0 else False)


def test_a_cidfile_must_not_be_there(desk: Desk, tmp_path: Path) -> None:
    caller = replace(desk.caller, id_files=LocalIdFiles())
    path = tmp_path / "cid"
    path.write_text("other")
    for shown, why in ((path, "container ID file .* found"), (tmp_path / "no" / "cid", "can't create")):
        with pytest.raises(EngineError, match=why):
            run(caller, ["10.2.1.1/24"], CreateRequest({"Image": "busybox"}, None, cidfile=str(shown)))
    assert path.read_text() == "other"
    assert desk.fake.requests == []


def test_a_failed_attach_removes_the_container_and_prints_no_id(desk: Desk) -> None:
    programs(desk, attach=Run([(2, b"container X died\n")], code=1))
    assert run(desk.caller, ["10.2.1.1/24"], request("busybox true")) == 1
    assert desk.out.getvalue() == b""
    assert desk.err.getvalue() == b"container X died\n"
    assert mine(desk) == []


def test_a_name_that_is_taken_is_the_daemons_conflict_and_leaves_the_other_container(desk: Desk) -> None:
    run(desk.caller, ["10.2.1.1/24"], request("--name c1 busybox"))
    with pytest.raises(Conflict) as caught:
        run(desk.caller, ["10.2.1.2/24"], request("--name c1 busybox"))
    assert caught.value.exit_code == 125
    assert [each.name for each in mine(desk)] == ["c1"]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ('OCI runtime create failed: exec: "x": executable file not found in $PATH', 127),
        ('exec: "/x": stat /x: no such file or directory', 127),
        ('exec: "/etc": permission denied', 126),
        ('exec: "/etc": is a directory', 126),
        ("driver failed programming external connectivity: port is already allocated", 125),
    ],
)
def test_a_refused_start_has_dockers_exit_code_and_leaves_no_container(desk: Desk, message: str, code: int) -> None:
    def refuse(request: Recorded, reply: Reply) -> None:
        reply.error(400, message)

    holder.provide(desk.caller)
    desk.fake.on("POST", r"/containers/[^/]+/start", refuse)
    with pytest.raises(APIError) as caught:
        run(desk.caller, ["10.2.1.1/24"], request("busybox"))
    assert (caught.value.exit_code, start_failure_code(message)) == (code, code)
    assert mine(desk) == []


def test_warnings_of_the_daemon_are_shown_on_stderr(desk: Desk) -> None:
    create = desk.fake._create

    def warn(request: Recorded, reply: Reply) -> None:
        if request.json["Image"] == "busybox":
            reply.json = lambda value, status=200: Reply.json(  # type: ignore[method-assign]
                reply, {**value, "Warnings": ["no swap limit"]}, status
            )
        create(request, reply)

    desk.fake.on("POST", "/containers/create", warn)
    assert run(desk.caller, ["10.2.1.1/24"], request("busybox")) == 0
    assert desk.err.getvalue() == b"WARNING: no swap limit\n"


@pytest.mark.parametrize("wait", [True, False])
def test_a_signal_ends_a_long_pull_at_once(desk: Desk, wait: bool) -> None:
    def pull(request: Recorded, reply: Reply) -> None:
        reply.begin("application/json")
        os.kill(os.getpid(), signal.SIGINT)
        reply.wait(desk.fake.closing)

    desk.fake.on("POST", "/images/create", pull)
    with desk.caller.signals.listening(), pytest.raises(Interrupted) as caught:
        run(desk.caller, ["10.2.1.1/24"], CreateRequest({"Image": "other:1"}, None), wait=wait)
    assert caught.value.exit_code == 130
    assert mine(desk) == []


def test_a_signal_while_the_container_is_created_removes_it(desk: Desk) -> None:
    create = desk.fake._create

    def interrupted(request: Recorded, reply: Reply) -> None:
        if request.json["Image"] == "busybox":
            os.kill(os.getpid(), signal.SIGINT)
        create(request, reply)

    desk.fake.on("POST", "/containers/create", interrupted)
    with desk.caller.signals.listening(), pytest.raises(Interrupted):
        run(desk.caller, ["10.2.1.1/24"], request("busybox"))
    assert mine(desk) == []
    assert desk.out.getvalue() == b""
