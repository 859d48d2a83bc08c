"""The executor call is Weave's: what `docker run` sends for it, and what we send, are the same."""

import json
from pathlib import Path

from tests.docker_cli import recorded_create, told
from weave_http.commands.executor import executor_config

RECORDED = Path(__file__).parents[2] / "fixtures" / "docker-cli-20.10.24" / "launch-create.json"
LINE = (
    "--rm -v /var/run/docker.sock:/var/run/docker.sock -v /proc:/hostproc -e PROCFS=/hostproc"
    " --privileged --net=host weavehttp/weave:0.1.0 --local launch"
)


def ours() -> object:
    body = executor_config(["launch"], {}, "weavehttp/weave:0.1.0")
    # The one deliberate difference: an explicit DELETE, so that the exit code can't be lost.
    body["HostConfig"]["AutoRemove"] = True
    return told(body)


def test_the_create_call_of_launch_is_what_the_docker_cli_was_recorded_to_send() -> None:
    assert ours() == told(json.loads(RECORDED.read_text()))


def test_the_create_call_of_launch_is_what_the_installed_docker_cli_sends(tmp_path: Path) -> None:
    assert ours() == told(recorded_create(LINE.split(), tmp_path / "engine.sock"))


def test_weaves_variables_are_handed_on_by_name_and_only_when_set() -> None:
    environ = {"WEAVE_PORT": "7000", "WEAVE_MTU": "", "HOME": "/root", "PROCFS": "/other/proc"}
    body = executor_config(["status"], environ, "image")
    assert body["Env"] == ["PROCFS=/hostproc", "WEAVE_PORT=7000", "WEAVE_MTU="]
    assert body["HostConfig"]["Binds"][1] == "/other/proc:/hostproc"
