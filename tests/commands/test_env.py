"""`weave env` and `weave config`: what the host says, as it holds for the caller's machine."""

from typing import Any

import pytest

from tests.commands.conftest import Desk
from tests.fake_engine import Run
from weave_http.commands import perform
from weave_http.engine import Endpoint
from weave_http.operations import parse
from weave_http.records import replace

SOCKET = "unix:///var/run/weave/weave.sock"


@pytest.mark.parametrize(
    ("endpoint", "before", "env", "config"),
    [
        (Endpoint("unix"), "", f"export DOCKER_HOST={SOCKET}\n", f"-H={SOCKET}\n"),
        (Endpoint("unix"), "unix:///x", f"export DOCKER_HOST={SOCKET} ORIG_DOCKER_HOST=unix:///x\n", f"-H={SOCKET}\n"),
        (Endpoint("unix"), SOCKET, f"export DOCKER_HOST={SOCKET}\n", f"-H={SOCKET}\n"),
        (
            Endpoint("ssh", host="h", user="me", port=22),
            "ssh://me@h",
            "export DOCKER_HOST=ssh://me@h:22/var/run/weave/weave.sock ORIG_DOCKER_HOST=ssh://me@h\n",
            "-H=ssh://me@h:22/var/run/weave/weave.sock\n",
        ),
    ],
)
def test_docker_is_sent_where_it_finds_the_socket(
    desk: Desk, endpoint: Endpoint, before: str, env: str, config: str
) -> None:
    desk.fake.program = lambda config: Run(
        [(1, f"export DOCKER_HOST={SOCKET}\n".encode() if "env" in config["Cmd"] else f"-H={SOCKET}\n".encode())]
    )
    caller = replace(desk.caller, endpoint=endpoint, environ={"DOCKER_HOST": before} if before else {}, cold=True)
    assert perform(caller, parse(["env"])).out == env
    assert perform(caller, parse(["config"])).out == config


def test_where_only_tcp_leads_to_the_host_another_way_is_named(desk: Desk) -> None:
    desk.fake.program = lambda config: Run([(1, f"export DOCKER_HOST={SOCKET}\n".encode())])
    caller = replace(desk.caller, endpoint=Endpoint("tcp", host="10.0.0.1", port=2376), cold=True)
    outcome = perform(caller, parse(["env"]))
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (0, "", 1)
    assert "weave proxy" in outcome.err


def test_a_host_that_is_reached_by_tcp_is_asked_for_its_tcp_address(desk: Desk) -> None:
    asked: list[str] = []

    def program(config: dict[str, Any]) -> Run:
        asked.extend(word for word in config["Env"] if word.startswith("PROXY_HOST="))
        return Run([(1, b"-H=tcp://10.0.0.1:12375\n")])

    desk.fake.program = program
    caller = replace(desk.caller, endpoint=Endpoint("tcp", host="10.0.0.1", port=2376), cold=True)
    assert perform(caller, parse(["config"])).out == "-H=tcp://10.0.0.1:12375\n"
    assert asked == ["PROXY_HOST=10.0.0.1"]


def test_without_a_proxy_nothing_is_exported(desk: Desk) -> None:
    desk.fake.program = lambda config: Run([(2, b"why\n")], code=1)
    outcome = perform(replace(desk.caller, cold=True), parse(["config"]))
    assert (outcome.code, outcome.out, outcome.err) == (1, "", "why\n")
