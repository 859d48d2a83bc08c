"""`run` and `setup` on the host itself."""

from __future__ import annotations

import threading

import pytest

from tests.fake_engine import Recorded, Reply, Run
from tests.host.stage import FakeRouter, Guest, Stage
from tests.net.kernel import Space
from weave_http import constants

A, B = "10.2.1.1/24", "10.2.1.2/24"


@pytest.fixture
def space(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Space:
    """Where containers that are created run, once they are started."""
    inside = stage._spaces()

    def create(request: Recorded, reply: Reply) -> None:
        original(request, reply)
        for container in list(stage.engine.containers.values()):
            stage.engine.containers[container.id] = Guest(
                container.id, container.name, container.config, pid=inside.pid
            )

    original = stage.engine._create
    stage.engine.on("POST", "/containers/create", create)
    stage.engine.program = lambda config: Run(until=threading.Event())
    stage.engine.images["busybox"] = {"Id": "sha256:1"}
    return inside


def test_a_container_is_started_and_attached_and_its_id_printed(stage: Stage, router: FakeRouter, space: Space) -> None:
    result = stage.weave("run", "--without-dns", A, B, "--name", "c1", "-e", "A", "busybox", "sh", env={"A": "1"})
    (container,) = stage.engine.containers.values()
    assert (result.code, result.out, result.err) == (0, f"{container.id}\n", "")
    assert (container.name, container.config["Cmd"], container.config["Env"]) == ("c1", ["sh"], ["A=1"])
    assert space.addresses() == [A, B]
    assert router.attachments() == [(container.id, [A, B])]


def test_an_image_that_is_missing_is_pulled(stage: Stage, space: Space) -> None:
    stage.engine.images.clear()
    stage.engine.pullable.add("busybox:1")
    assert stage.weave("run", "--without-dns", A, "busybox:1").code == 0
    assert "POST /images/create" in stage.engine.calls()


def test_one_that_can_not_be_attached_is_removed(stage: Stage, space: Space) -> None:
    stage.host.run("ip link add weave type veth peer name other")
    result = stage.weave("run", "--without-dns", A, "busybox")
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert stage.engine.containers == {}


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (("busybox",), 1, "no router answers"),
        ((A,), 125, "image"),
        ((A, "--frobnicate", "busybox"), 125, "--frobnicate"),
        ((A, "nowhere"), 125, "nowhere"),
    ],
)
def test_what_makes_no_container_is_refused_in_one_line(
    stage: Stage, space: Space, words: tuple[str, ...], code: int, reason: str
) -> None:
    result = stage.weave("run", "--without-dns", *words)
    assert (result.code, result.out, result.err.count("\n")) == (code, "", 1), result
    assert reason in result.err
    assert stage.engine.containers == {}


def test_setup_pulls_the_image_of_this_version(stage: Stage) -> None:
    stage.engine.pullable.add(constants.DEFAULT_IMAGE)
    result = stage.weave("setup")
    assert (result.code, result.out, result.err) == (0, f"{constants.DEFAULT_IMAGE}\n", "")
    stage.engine.pullable.clear()
    assert stage.weave("setup").code == 125
