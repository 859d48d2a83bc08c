"""What killed callers left, and containers that wait for the network: who takes them away, and who names them."""

from __future__ import annotations

import threading
import time

import pytest

from tests.fake_engine import Run
from tests.host.stage import FakeRouter, Stage, identity
from weave_http import constants

EXECUTOR = {constants.ROLE_LABEL: "executor"}
HINT = "to have them start: weave launch, or weave attach CIDR… NAME for each\n"


@pytest.mark.parametrize("podman", [False, True], ids=["docker", "podman"])
def test_reset_takes_executors_away_whose_callers_were_killed(stage: Stage, podman: bool) -> None:
    stage.engine.podman = podman
    for name in ("ended", "waiting", "old", "mine", "talks", "other"):
        stage.container(name)
    containers = stage.engine.containers
    for name, status, created in (("ended", "exited", 0), ("waiting", "created", time.time()), ("old", "created", 0)):
        container = containers[identity(name)]
        container.status, container.created = status, int(created)
        container.config["Cmd"] = ["--local", "ps"]
    # Somebody else's containers whose commands are like ours.
    for name, command in (("talks", ["echo", "/usr/bin/weave"]), ("other", ["/usr/bin/other"])):
        containers[identity(name)].status = "exited"
        containers[identity(name)].config |= {"Entrypoint": command, "Cmd": ["--local", "ps"]}
    assert stage.weave("reset").code == 0
    assert set(containers) == {identity(name) for name in ("waiting", "mine", "talks", "other")}


@pytest.mark.parametrize(
    "words", [("attach", "10.2.1.1/24", "c1"), ("detach", "10.2.1.1/24", "c1"), ("start", "10.2.1.1/24", "c1")]
)
def test_the_next_operation_takes_old_executors_away(stage: Stage, words: tuple[str, ...]) -> None:
    stage.container("c1")
    for name in ("ended", "never-started", "young", "at-work", "router"):
        stage.stopped(name, labels=EXECUTOR if name != "router" else {constants.ROLE_LABEL: "router"})
        stage.engine.containers[identity(name)].created = int(time.time()) - (0 if name == "young" else 61)
    stage.engine.containers[identity("never-started")].status = "created"
    stage.engine.containers[identity("at-work")].status = "running"
    stage.weave(*words)
    assert set(stage.engine.containers) == {identity(name) for name in ("c1", "young", "at-work", "router")}


def test_stop_takes_executors_of_older_callers_away_too(stage: Stage) -> None:
    for name, age in (("old", 61), ("young", 0)):
        stage.stopped(name)
        stage.engine.containers[identity(name)].config["Cmd"] = ["--local", "ps"]
        stage.engine.containers[identity(name)].created = int(time.time()) - age
    stage.weave("stop")
    assert set(stage.engine.containers) == {identity("young")}


@pytest.mark.parametrize("words", [("ps",), ("connect", "h2"), ("status",)])
def test_what_needs_nothing_else_of_the_engine_looks_for_no_executors(stage: Stage, words: tuple[str, ...]) -> None:
    stage.stopped("ended", labels=EXECUTOR)
    stage.engine.containers[identity("ended")].created = 0
    stage.weave(*words)
    assert identity("ended") in stage.engine.containers


def _behind_the_waiter(stage: Stage, name: str, entrypoint: str = constants.WAITER) -> None:
    stage.stopped(name)
    container = stage.engine.containers[identity(name)]
    container.config |= {"Entrypoint": [entrypoint], "Cmd": ["sleep", "9"]}
    container.mounted.append(constants.WAITER_FOLDER)


def test_stop_and_reset_name_the_containers_that_need_a_router_to_start(stage: Stage, router: FakeRouter) -> None:
    stage.stopped("weave", labels={constants.ROLE_LABEL: "router"})
    stage.engine.program = lambda config: Run(until=threading.Event())
    stage.engine._run(stage.engine.containers[identity("weave")])
    stage.container("other")
    for name in ("web", "db"):
        _behind_the_waiter(stage, name)
    _behind_the_waiter(stage, "another-entrypoint", "/bin/sh")
    _behind_the_waiter(stage, "holder")
    stage.engine.containers[identity("holder")].config["Labels"] = {constants.WAITER_VOLUMES: ""}
    line = "WARNING: without a router these containers wait for the network whenever they start: web, db; " + HINT
    for command in ("stop", "reset"):
        result = stage.weave(command)
        assert (result.code, result.out, result.err) == (0, "", line)


def test_of_many_that_need_a_router_a_few_are_named(stage: Stage) -> None:
    for number in range(7):
        _behind_the_waiter(stage, f"c{number}")
    assert "whenever they start: c0, c1, c2, c3, c4 and 2 more; " in stage.weave("reset").err
