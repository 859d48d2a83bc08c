"""An upgrade leaves one router: the new one with what the old one was told, or the old one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.fake_engine import FakeContainer, Run
from tests.host.stage import FakeRouter, Stage, identity
from weave_http import constants
from weave_http.host import launch

OLD = "weavehttp/weave:0.0.9"
CMD = ["--router", "--port", "7001", "--nickname", "h1", "--no-discovery", "--metrics-addr", "", "10.0.0.2", "h2:7000"]
ENV = ["PROCFS=/hostproc", "WEAVE_MTU=1400", "WEAVE_CONTAINER_NAME=weave", "PATH=/bin", "WEAVE_IMAGE=x"]


@pytest.fixture
def stages(stage: Stage) -> Iterator[tuple[Stage, list[bool]]]:
    """A host with an old router; the list says whether the new one is to live."""
    lives = [True]
    ended = threading.Event()
    with ExitStack() as stack:

        def program(config: dict[str, Any]) -> Run:
            if config["Image"] == OLD or config["Cmd"][0] == "--resident":
                return Run(until=ended)
            if not lives[0]:
                return Run(output=[(2, b"weave: something is wrong\n")], code=1)
            stack.enter_context(FakeRouter(stage.host))
            return Run(until=ended)

        stage.engine.program = program
        stage.engine.images[OLD] = {"Id": "sha256:1"}
        yield stage, lives
        ended.set()


def add(stage: Stage, name: str, image: str, status: str = "running", **config: Any) -> FakeContainer:
    """Add a router's container."""
    labels = {constants.ROLE_LABEL: "router", **config.pop("Labels", {})}
    config = {"Image": image, "Labels": labels, "Cmd": CMD, "Env": ENV, **config}
    config.setdefault("HostConfig", {"RestartPolicy": {"Name": "always"}})
    container = FakeContainer(identity(name), name, config, status=status)
    container.exited.set()  # there is no program whose end a stop would have to wait for
    stage.engine.containers[container.id] = container
    return container


def the_one(stage: Stage) -> FakeContainer:
    """The only container of the host."""
    (container,) = stage.engine.containers.values()
    return container


def test_the_new_router_is_told_what_the_old_one_was_told(stages: tuple[Stage, list[bool]]) -> None:
    stage, _ = stages
    add(stage, "weave", OLD, Labels={constants.DOCKER_ARGS_LABEL: "-l team=net -m 128m"})
    result = stage.weave("upgrade")
    now = the_one(stage)
    assert (result.code, result.out, result.err) == (0, f"{now.id}\n", "")
    assert (now.name, now.status, now.config["Image"]) == ("weave", "running", constants.DEFAULT_IMAGE)
    assert now.config["Cmd"] == [
        *("--router", "--port", "7001", "--nickname", "h1", "--no-discovery=true", "--metrics-addr", ""),
        "--resume=true",
    ]
    assert now.config["Env"] == ["PROCFS=/hostproc", "WEAVE_MTU=1400", "WEAVE_CONTAINER_NAME=weave"]
    assert now.config["Labels"]["team"] == "net"
    assert now.config["HostConfig"]["Memory"] == 128 << 20
    assert now.config["HostConfig"]["RestartPolicy"] == {"Name": "always"}


@pytest.mark.parametrize("there", [True, False])
def test_a_resident_is_replaced_if_there_is_one(stages: tuple[Stage, list[bool]], there: bool) -> None:
    stage, _ = stages
    add(stage, "weave", OLD)
    if there:
        add(stage, "weave-exec", OLD, Labels={constants.ROLE_LABEL: "resident"})
    assert stage.weave("upgrade").code == 0
    images = {each.name: each.config["Image"] for each in stage.engine.containers.values()}
    assert images == dict.fromkeys(["weave", "weave-exec"] if there else ["weave"], constants.DEFAULT_IMAGE)


def test_a_router_of_this_image_is_left_alone(stage: Stage) -> None:
    old = add(stage, "weave", constants.DEFAULT_IMAGE)
    stage.engine.images[constants.DEFAULT_IMAGE] = {"Id": constants.DEFAULT_IMAGE}
    result = stage.weave("upgrade")
    assert (result.code, result.out) == (0, f"{old.id}\n")
    assert result.err == f"the router is of image {constants.DEFAULT_IMAGE} already\n"
    assert the_one(stage) is old


def test_a_new_router_that_dies_gives_its_place_back(
    stages: tuple[Stage, list[bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, lives = stages
    lives[0] = False
    monkeypatch.setattr(launch, "_POLLS_PER_LOOK", 1)
    old = add(stage, "weave", OLD)
    result = stage.weave("upgrade")
    assert (result.code, result.out) == (1, "")
    assert result.err.endswith("died: something is wrong\n")
    assert (the_one(stage), old.name, old.status) == (old, "weave", "running")


def test_a_flag_that_this_version_does_not_know_changes_nothing(stages: tuple[Stage, list[bool]]) -> None:
    stage, _ = stages
    old = add(stage, "weave", OLD, Cmd=["--router", "--of-tomorrow"])
    result = stage.weave("upgrade")
    assert (result.code, "--of-tomorrow" in result.err, result.err.count("\n")) == (1, True, 1)
    assert (the_one(stage), old.name, old.status) == (old, "weave", "running")


def test_without_a_router_that_runs_it_is_one_line(stage: Stage) -> None:
    assert stage.weave("upgrade").err == "no router runs; start one: weave launch\n"
    stage.running("weave", image="somebody/elses:1")
    result = stage.weave("upgrade")
    assert (result.code, "somebody/elses:1" in result.err) == (2, True)


@pytest.mark.parametrize("command", ["upgrade", "stop", "reset"])
@pytest.mark.parametrize("new", ["", "created", "running"])
def test_a_killed_upgrade_is_finished_or_undone_by_the_next_command(
    stages: tuple[Stage, list[bool]], new: str, command: str
) -> None:
    stage, _ = stages
    before = add(stage, "weave-previous", OLD, status="exited")
    if new:
        add(stage, "weave", constants.DEFAULT_IMAGE, status=new)
        stage.engine.images[constants.DEFAULT_IMAGE] = {"Id": constants.DEFAULT_IMAGE}
    with ExitStack() as stack:
        if new == "running":
            stack.enter_context(FakeRouter(stage.host))
        stage.weave(command)
    names = [each.name for each in stage.engine.containers.values()]
    assert names == ([] if command == "reset" else ["weave"])
    assert before.removed.is_set() or before.name == "weave"
