"""`start` and `restart`: the container runs and is on the network, or is as it was."""

from __future__ import annotations

import threading

import pytest

from tests.fake_engine import Recorded, Reply, Run
from tests.host.stage import FakeRouter, Stage, identity
from tests.net.kernel import Space

A, B = "10.2.1.1/24", "10.2.1.2/24"


@pytest.fixture
def c1(stage: Stage) -> Space:
    """A container `c1` that has been stopped, and runs in a namespace of its own once it is started."""
    space = stage.container("c1")
    container = stage.engine.containers[identity("c1")]
    container.status = "exited"
    container.exited.set()
    stage.engine.program = lambda config: Run(until=threading.Event())
    return space


@pytest.mark.parametrize("command", ["start", "restart"])
def test_a_stopped_container_is_started_and_attached_and_its_name_printed(
    stage: Stage, router: FakeRouter, c1: Space, command: str
) -> None:
    for _ in range(2):
        result = stage.weave(command, A, B, "c1")
        assert (result.code, result.out, result.err) == (0, "c1\n", "")
        assert c1.addresses() == [A, B]
    assert router.attachments() == [(identity("c1"), [A, B])] * 2
    called = [call for call in stage.engine.calls() if call.endswith(f"/{command}")]
    assert called == [f"POST /containers/{identity('c1')}/{command}"] * 2


@pytest.mark.parametrize("reference", [identity("c1"), identity("c1")[:12]])
def test_the_name_is_printed_as_it_was_given(stage: Stage, c1: Space, reference: str) -> None:
    assert stage.weave("start", A, reference).out == f"{reference}\n"


@pytest.mark.parametrize("command", ["start", "restart"])
def test_a_container_that_can_not_be_attached_is_stopped_again(stage: Stage, c1: Space, command: str) -> None:
    stage.host.run("ip link add weave type veth peer name other")
    result = stage.weave(command, A, "c1")
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert "no bridge" in result.err
    assert f"POST /containers/{identity('c1')}/stop" in stage.engine.calls()


def test_one_that_ran_before_is_left_running(stage: Stage) -> None:
    stage.container("c1")
    stage.host.run("ip link add weave type veth peer name other")
    assert stage.weave("start", A, "c1").code == 1
    assert stage.engine.containers[identity("c1")].status == "running"
    assert not [call for call in stage.engine.calls() if call.endswith("/stop")]


def test_the_hosts_own_network_is_refused(stage: Stage) -> None:
    stage.container("net", stage.host)
    result = stage.weave("restart", A, "net")
    assert result.code == 1
    assert "net" in result.err


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((A, "nobody"), "No such container: nobody\n"),
        (("c1",), "no router answers"),
        ((A,), "no container given"),
        ((), "no container given"),
        ((A, "c1", "c2"), "unexpected argument 'c2'"),
    ],
)
@pytest.mark.parametrize("command", ["start", "restart"])
def test_what_can_not_be_started_is_refused_in_one_line(
    stage: Stage, c1: Space, command: str, words: tuple[str, ...], reason: str
) -> None:
    result = stage.weave(command, *words)
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert reason in result.err
    assert c1.links() == []


@pytest.mark.parametrize(("own", "seconds"), [(None, "10"), (0, "0"), (42, "42")])
def test_a_restart_gives_the_container_its_own_time_to_end(stage: Stage, own: int | None, seconds: str) -> None:
    stage.container("c1")
    stage.engine.containers[identity("c1")].config["StopTimeout"] = own
    assert stage.weave("restart", A, "c1").code == 0
    (call,) = [request for request in stage.engine.requests if request.path.endswith("/restart")]
    assert call.query == {"t": seconds}


def test_a_restart_waits_for_a_stop_that_podman_is_at(stage: Stage) -> None:
    stage.container("c1")
    container = stage.engine.containers[identity("c1")]
    container.status = "stopping"

    def refuse(_request: Recorded, reply: Reply) -> None:
        stage.engine.on("POST", "/containers/[^/]+/restart", stage.engine._restart)
        reply.error(500, "unable to restart a container in a paused or unknown state: container state improper")

    stage.engine.on("POST", "/containers/[^/]+/restart", refuse)
    assert stage.weave("restart", A, "c1").code == 0
    assert sum(call.endswith("/restart") for call in stage.engine.calls()) == 2
