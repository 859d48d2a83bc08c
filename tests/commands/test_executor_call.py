"""The executor call is Weave's: what `docker run` sends for it, and what we send, are the same."""

import json
from pathlib import Path

import pytest

from tests.docker_cli import recorded_create, told
from tests.fake_engine import FakeEngine
from tests.transcript.commands import COMMANDS, TYPED
from weave_http import constants
from weave_http.cli import main
from weave_http.commands import Caller
from weave_http.commands.executor import executor_config
from weave_http.engine import connect

RECORDED = Path(__file__).parents[2] / "fixtures" / "docker-cli-20.10.24" / "launch-create.json"
LINE = (
    "--rm -v /var/run/docker.sock:/var/run/docker.sock -v /proc:/hostproc -e PROCFS=/hostproc"
    " --privileged --net=host weavehttp/weave:0.1.0 --local launch"
)


def ours() -> object:
    body = executor_config(["launch"], {}, "weavehttp/weave:0.1.0")
    # Two deliberate differences: an explicit DELETE, so that the exit code can't be lost; and a label of ours.
    body["HostConfig"]["AutoRemove"] = True
    assert body.pop("Labels") == {constants.ROLE_LABEL: "executor"}
    return told(body)


def test_the_create_call_of_launch_is_what_the_docker_cli_was_recorded_to_send() -> None:
    assert ours() == told(json.loads(RECORDED.read_text()))


@pytest.mark.programs
def test_the_create_call_of_launch_is_what_the_installed_docker_cli_sends(tmp_path: Path) -> None:
    assert ours() == told(recorded_create(LINE.split(), tmp_path / "engine.sock"))


def test_weaves_variables_are_handed_on_by_name_and_only_when_set() -> None:
    environ = {"WEAVE_PORT": "7000", "WEAVE_MTU": "", "HOME": "/root", "PROCFS": "/other/proc"}
    body = executor_config(["status"], environ, "image")
    assert body["Env"] == ["PROCFS=/hostproc", "WEAVE_PORT=7000", "WEAVE_MTU="]
    assert body["HostConfig"]["Binds"][1] == "/other/proc:/hostproc"


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "setup"])
def test_every_command_is_one_executor_call_of_weaves_form_to_any_image(name: str, tmp_path: Path) -> None:
    with FakeEngine(tmp_path / "d.sock") as fake, connect(fake.endpoint) as engine:
        fake.images |= {"elses/weaveexec:7": {"Id": "sha256:1"}, "busybox": {"Id": "sha256:2"}}
        environ = {"EXEC_IMAGE": "elses/weaveexec:7", "WEAVE_PORT": "7000"}
        COMMANDS[name](Caller(engine, environ=environ))
        created = [request.json for request in fake.requests if request.path == "/containers/create"]
    ours = [body for body in created if body["Image"] != "busybox"]
    (call,) = [body for body in ours if constants.WAITER_VOLUMES not in body.get("Labels", {})]
    assert call == executor_config(call["Cmd"][1:], environ, "elses/weaveexec:7")
    assert call["Cmd"][:2] == ["--local", "attach" if name == "run" else TYPED[name].split()[0]]


def test_the_words_of_an_operation_reach_the_executor(tmp_path: Path) -> None:
    typed = ["attach", "--rewrite-hosts", "ip:10.2.1.1/24", "10.2.1.2/24", "--add-host=db:10.0.0.1", "c1"]
    words = ["attach", "10.2.1.1/24", "10.2.1.2/24", "--rewrite-hosts", "--add-host", "db:10.0.0.1", "c1"]
    with FakeEngine(tmp_path / "d.sock") as fake:
        fake.images[constants.DEFAULT_IMAGE] = {"Id": "sha256:1"}
        assert main(["-H", fake.endpoint.url, *typed]) == 0
        assert main(["-H", fake.endpoint.url, "launch-proxy", "--tls", "x"]) == 0
        calls = [request.json["Cmd"] for request in fake.requests if request.path == "/containers/create"]
    assert calls == [["--local", *words], ["--local", "launch-proxy", "--tls", "x"]]


def test_what_an_earlier_version_set_can_be_restored_without_a_daemon(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.delenv("ORIG_DOCKER_HOST", raising=False)
    assert main(["-H", "unix:///nowhere", "env", "--restore"]) == 1
    monkeypatch.setenv("ORIG_DOCKER_HOST", "tcp://h:1")
    assert main(["-H", "unix:///nowhere", "env", "--restore"]) == 0
    out, err = capfdbinary.readouterr()
    assert out == b"DOCKER_HOST=tcp://h:1\n"
    assert err == b"weave: ORIG_DOCKER_HOST is not set; there is nothing to restore\n"
