from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.fake_engine import Run
from tests.local.stage import FakeRouter, Stage, identity
from weave_http import names
from weave_http.errors import HostError, UsageError
from weave_http.local import launch, router_container
from weave_http.local.host import Host
from weave_http.local.launch import parse

OURS = {names.ROLE_LABEL: "router"}


@pytest.fixture
def life(stage: Stage) -> Iterator[threading.Event]:
    """A router's container that answers as soon as it is started, and lives until this is set."""
    event = threading.Event()
    with ExitStack() as stack:

        def program(config: object) -> Run:
            router = stack.enter_context(FakeRouter(stage.host))
            router.answers["GET /status"] = (200, "all is well\n")
            return Run(until=event)

        stage.engine.program = program
        yield event
        event.set()


def test_launch_starts_the_router_as_agreed_and_prints_its_full_id(stage: Stage, life: threading.Event) -> None:
    result = stage.weave("launch", "--nickname", "h1", "10.0.0.2", "peer:7000", env={"WEAVE_MTU": "1400", "HOME": "/"})
    (container,) = stage.engine.containers.values()
    assert (result.code, result.out, result.err) == (0, f"{container.id}\n", "")
    assert (container.name, container.status) == ("weave", "running")
    assert container.config == {
        "Image": names.DEFAULT_IMAGE,
        "Cmd": ["--router", "--port", "6783", "--nickname", "h1", "10.0.0.2", "peer:7000"],
        "Env": ["PROCFS=/hostproc", "WEAVE_MTU=1400"],
        "Labels": OURS,
        "HostConfig": {
            "Binds": [f"{names.DOCKER_SOCKET}:{names.DOCKER_SOCKET}", "/proc:/hostproc", "weavedb:/weavedb"],
            "NetworkMode": "host",
            "Privileged": True,
            "RestartPolicy": {"Name": "always"},
        },
    }


def test_a_router_that_runs_is_left_alone(stage: Stage) -> None:
    stage.running("weave", labels=OURS)
    result = stage.weave("launch")
    assert (result.code, result.out, result.err) == (1, "", "weave is already running; stop it first: weave stop\n")
    assert stage.engine.containers[identity("weave")].status == "running"


def test_a_router_that_has_ended_makes_room(stage: Stage, life: threading.Event) -> None:
    stage.stopped("weave", labels=OURS)
    assert stage.weave("launch").code == 0
    assert identity("weave") not in stage.engine.containers


@pytest.mark.parametrize("state", ["running", "stopped"])
def test_a_foreign_container_of_that_name_is_refused_with_its_image(stage: Stage, state: str) -> None:
    getattr(stage, state)("weave", image="somebody/elses:1")
    result = stage.weave("launch")
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert "container named weave" in result.err
    assert "somebody/elses:1" in result.err
    assert len(stage.engine.containers) == 1


def test_the_name_can_be_chosen(stage: Stage, life: threading.Event) -> None:
    stage.running("weave", image="somebody/elses:1")
    assert stage.weave("launch", env={"WEAVE_CONTAINER_NAME": "weave2"}).code == 0
    assert "weave2" in {each.name for each in stage.engine.containers.values()}


@pytest.mark.parametrize(
    ("words", "address", "shown"),
    [
        ((), ("", 6783), "TCP port 6783"),
        (("--port", "7001"), ("127.0.0.1", 7001), "TCP port 7001"),
        ((), ("127.0.0.1", 6784), "TCP port 127.0.0.1:6784"),
    ],
)
def test_a_port_that_is_taken_is_named_and_nothing_is_left(
    stage: Stage, words: tuple[str, ...], address: tuple[str, int], shown: str
) -> None:
    with stage.host.call(socket.create_server, address):
        result = stage.weave("launch", *words)
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert result.err.startswith(f"{shown}, which the router needs, is taken on this host")
    assert stage.engine.containers == {}


def test_a_router_that_dies_shows_its_last_words_and_is_removed(stage: Stage) -> None:
    stage.engine.program = lambda config: Run(output=[(1, b"starting\n"), (2, b"no VXLAN in this kernel\n")], code=1)
    result = stage.weave("launch")
    assert (result.code, result.out) == (1, "")
    assert result.err == "starting\ncontainer weave died: no VXLAN in this kernel\n"
    assert stage.engine.containers == {}


def test_a_router_that_never_answers_is_given_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "READY_SECONDS", 0.3)
    event = threading.Event()
    stage.engine.program = lambda config: Run(output=[(1, b"thinking\n")], until=event)
    result = stage.weave("launch")
    assert result.code == 1
    assert result.err.startswith("timed out after 0 s waiting for the router: no router answers")
    assert result.err.endswith(": thinking\n")
    assert stage.engine.containers == {}


def test_a_start_that_fails_leaves_nothing(stage: Stage) -> None:
    stage.engine.on("POST", r"/containers/[^/]+/start", lambda request, reply: reply.error(500, "unable to apply caps"))
    result = stage.weave("launch")
    assert (result.code, result.out) == (125, "")
    assert "unable to apply caps" in result.err
    assert stage.engine.containers == {}


def test_two_launches_at_once_are_told_apart(stage: Stage) -> None:
    stage.engine.on("POST", r"/containers/create", lambda request, reply: reply.error(409, "Conflict."))
    result = stage.weave("launch")
    assert (result.code, result.err) == (1, "another launch of weave is under way\n")


def test_an_interruption_while_it_starts_removes_it(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    event = threading.Event()
    stage.engine.program = lambda config: Run(until=event)

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        stage.weave("launch")
    assert stage.engine.containers == {}


def test_options_are_read_with_one_dash_or_two_and_with_or_without_an_equals_sign() -> None:
    words = ["-port", "7000", "--nickname=h1", "--no-restart", "-conn-limit=5", "--no-discovery", "10.0.0.1:1"]
    options = parse(words, {})
    assert (options.port, options.restart) == (7000, False)
    assert options.arguments == (
        *("--port", "7000", "--nickname", "h1", "--conn-limit", "5", "--no-discovery"),
        "10.0.0.1:1",
    )


def test_the_port_comes_from_the_environment_unless_it_is_given() -> None:
    assert parse([], {"WEAVE_PORT": "7000"}).port == 7000
    assert parse(["--port", "7001"], {"WEAVE_PORT": "7000"}).port == 7001
    assert parse([], {"WEAVE_PORT": ""}).port == 6783


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--frobnicate"], "unknown option '--frobnicate'"),
        (["--state-dir", "/"], "unknown option '--state-dir'"),
        (["--no-restart=1"], "unknown option '--no-restart=1'"),
        (["--port"], "option '--port' needs a value"),
        (["--port", "x"], "invalid port 'x'"),
        (["--port", "65535"], "invalid port '65535'"),
        (["h1:0"], "invalid port '0'"),
        (["h1:99999"], "invalid port '99999'"),
        (["h1:"], "invalid peer 'h1:'"),
        ([""], "invalid peer ''"),
        (["a b"], "invalid peer 'a b'"),
        (["h1", "--port"], "invalid peer '--port'"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(words, {})
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(("words", "env"), [(["--password", "x"], {}), ([], {"WEAVE_PASSWORD": "x"})])
def test_a_password_is_refused_rather_than_ignored(words: list[str], env: dict[str, str]) -> None:
    with pytest.raises(HostError, match="can't encrypt"):
        parse(words, env)


def test_the_image_is_that_of_the_container_it_runs_in(stage: Stage, tmp_path: Path) -> None:
    stage.running("executor", image="my/weave:7")
    stage.engine.images["my/weave:7"] = {"Id": "sha256:1"}
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        f"1 2 3:4 /var/lib/docker/containers/{identity('executor')}/hostname /etc/hostname rw - ext4 /dev/a rw\n"
    )
    host = Host({}, io.StringIO(), io.StringIO())
    assert router_container.own_image(host, str(mounts)) == "my/weave:7"
    mounts.write_text("1 2 3:4 / / rw - ext4 /dev/a rw\n")
    assert router_container.own_image(host, str(mounts)) == names.DEFAULT_IMAGE
    host.close()
