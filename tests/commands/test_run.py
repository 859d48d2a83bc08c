"""`weave run`: the container is created and started from here, then attached; or nothing of it is left."""

import pytest

from tests.commands.conftest import Desk
from tests.fake_engine import Recorded, Reply, Run
from weave_http.commands import run
from weave_http.commands.run import start_failure_code
from weave_http.engine.errors import APIError, Conflict
from weave_http.run_args import CreateRequest, parse


def request(line: str) -> CreateRequest:
    return parse(line.split())


@pytest.fixture(autouse=True)
def busybox(desk: Desk) -> None:
    """The daemon has the user's image too."""
    desk.fake.images["busybox"] = {"Id": "sha256:" + "2" * 64}


def programs(desk: Desk, *, attach: Run) -> None:
    """Say what the executor does; the user's container just runs."""
    desk.fake.program = lambda config: attach if config["Image"] != "busybox" else Run()


def test_it_creates_starts_attaches_and_prints_the_id(desk: Desk) -> None:
    assert run(desk.caller, ["10.2.1.1/24"], request("--name c1 busybox sh")) == 0
    container = desk.ids[0]
    assert desk.out.getvalue() == f"{container}\n".encode()
    assert desk.routes()[1:5] == [
        "POST /containers/create",
        "POST /containers/<1>/start",
        "POST /containers/create",
        "POST /containers/<2>/attach",
    ]
    created = [call for call in desk.fake.requests if call.path == "/containers/create"]
    assert created[0].query == {"name": "c1"}
    assert created[1].json["Cmd"] == ["--local", "attach", "10.2.1.1/24", container]
    assert list(desk.fake.containers) == [container]


def test_a_failed_attach_removes_the_container_and_prints_no_id(desk: Desk) -> None:
    programs(desk, attach=Run([(2, b"container X died\n")], code=1))
    assert run(desk.caller, ["10.2.1.1/24"], request("busybox true")) == 1
    assert desk.out.getvalue() == b""
    assert desk.err.getvalue() == b"container X died\n"
    assert desk.fake.containers == {}


def test_a_name_that_is_taken_is_the_daemons_conflict_and_leaves_the_other_container(desk: Desk) -> None:
    run(desk.caller, ["10.2.1.1/24"], request("--name c1 busybox"))
    with pytest.raises(Conflict) as caught:
        run(desk.caller, ["10.2.1.2/24"], request("--name c1 busybox"))
    assert caught.value.exit_code == 125
    assert len(desk.fake.containers) == 1


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

    desk.fake.on("POST", r"/containers/[^/]+/start", refuse)
    with pytest.raises(APIError) as caught:
        run(desk.caller, ["10.2.1.1/24"], request("busybox"))
    assert (caught.value.exit_code, start_failure_code(message)) == (code, code)
    assert desk.fake.containers == {}


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
