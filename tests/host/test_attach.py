from __future__ import annotations

import io
import tarfile
from pathlib import PurePath

import pytest

from tests.host.stage import FakeRouter, Stage, identity
from weave_http import constants
from weave_http.addresses import parse_cidr
from weave_http.host import withdrawals
from weave_http.operations import find

A, B = "10.2.1.1/24", "10.2.1.2/24"
RULE = "-A WEAVE-FORWARD -i weave -o weave -j ACCEPT"


def test_attach_makes_the_bridge_the_rule_and_the_interface(stage: Stage) -> None:
    c1 = stage.container("c1")
    result = stage.weave("attach", A, B, "c1")
    assert (result.code, result.out, result.err) == (0, "10.2.1.1 10.2.1.2\n", "")
    assert c1.addresses() == [A, B]
    assert stage.host.links() == [c1.port(), "weave"]
    assert RULE in stage.host.run("iptables-nft-save -t filter")


def test_attaching_twice_changes_nothing_and_a_second_address_comes_after_the_first(stage: Stage) -> None:
    c1 = stage.container("c1")
    for words in (A,), (A,), (B,), (A, B):
        assert stage.weave("attach", *words, "c1").code == 0
    assert c1.addresses() == [A, B]


@pytest.mark.parametrize("words", [(A, B), (f"ip:{A}", B), (A, B, "--without-dns")])
def test_the_addresses_are_printed_however_often_it_is_done(stage: Stage, words: tuple[str, ...]) -> None:
    c1 = stage.container("c1")
    for _ in range(2):
        result = stage.weave("attach", *words, "c1")
        assert (result.code, result.out, result.err) == (0, "10.2.1.1 10.2.1.2\n", "")
    assert stage.weave("detach", A, B, "c1").out == "10.2.1.1 10.2.1.2\n"
    assert c1.links() == []


def test_the_route_for_multicast_can_be_left_out(stage: Stage) -> None:
    c1, c2 = stage.container("c1"), stage.container("c2")
    stage.weave("attach", A, "--no-multicast-route", "c1")
    stage.weave("attach", B, "c2")
    assert "224.0.0.0/4" not in c1.run("ip route")
    assert "224.0.0.0/4 dev ethwe" in c2.run("ip route")


def test_a_container_is_found_by_its_id_too(stage: Stage) -> None:
    c1 = stage.container("c1")
    assert stage.weave("attach", A, identity("c1")[:12]).code == 0
    assert c1.addresses() == [A]


def test_the_router_is_told_all_addresses_under_the_full_id(stage: Stage, router: FakeRouter) -> None:
    stage.container("c1")
    stage.weave("attach", A, "c1")
    stage.weave("attach", B, "c1")
    stage.weave("detach", A, "c1")
    stage.weave("detach", B, "c1")
    id1 = identity("c1")
    assert router.attachments() == [(id1, [A]), (id1, [A, B]), (id1, [B]), (id1, None)]


def test_an_mtu_can_be_wished_for(stage: Stage) -> None:
    c1 = stage.container("c1")
    assert stage.weave("attach", A, "c1", env={"WEAVE_MTU": "8900"}).code == 0
    assert "mtu 8900" in c1.run("ip link show ethwe")
    assert "mtu 8900" in stage.host.run("ip link show weave")


@pytest.mark.parametrize("mtu", ["big", "-1", "1_500", "99999", "²"])
def test_an_mtu_that_is_none_is_refused(stage: Stage, mtu: str) -> None:
    c1 = stage.container("c1")
    result = stage.weave("attach", A, "c1", env={"WEAVE_MTU": mtu})
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert mtu in result.err
    assert (c1.links(), stage.host.links()) == ([], [])


def test_a_router_that_refuses_undoes_the_attaching(stage: Stage, router: FakeRouter) -> None:
    c1 = stage.container("c1")
    stage.weave("attach", A, "c1")
    router.answers[f"PUT /attachment/{identity('c1')}"] = (500, "disk full\n")
    result = stage.weave("attach", B, "c1")
    assert (result.code, result.err) == (1, "disk full\n")
    assert c1.addresses() == [A]


def test_a_router_that_refuses_undoes_the_detaching(stage: Stage, router: FakeRouter) -> None:
    c1 = stage.container("c1")
    stage.weave("attach", A, B, "c1")
    id1 = identity("c1")
    router.answers = {f"{method} /attachment/{id1}": (500, "disk full\n") for method in ("PUT", "DELETE")}
    assert stage.weave("detach", A, "c1").code == 1
    assert sorted(c1.addresses()) == [A, B]
    assert stage.weave("detach", A, B, "c1").code == 1
    assert sorted(c1.addresses()) == [A, B]


def test_without_a_router_what_is_detached_is_noted_in_its_volume_by_a_container_never_started(stage: Stage) -> None:
    stage.engine.volumes[constants.ROUTER_VOLUME] = {"Name": constants.ROUTER_VOLUME}
    stage.container("c1")
    stage.weave("attach", A, B, "c1")
    stage.engine.requests.clear()
    result = stage.weave("detach", A, "c1")
    assert (result.code, result.err) == (0, "")
    (archive,) = [each for each in stage.engine.requests if each.path.endswith("/archive")]
    assert archive.query == {"path": constants.ROUTER_STATE}
    with tarfile.open(fileobj=io.BytesIO(archive.body)) as tar:
        (member,) = tar.getmembers()
        content = tar.extractfile(member)
        assert content is not None
        assert PurePath(member.name).match(withdrawals.FILES)
        assert withdrawals.read(content.read()) == (identity("c1"), (parse_cidr(A),))
    assert [container.name for container in stage.engine.containers.values()] == ["c1"]
    assert not [each for each in stage.engine.requests if each.path.endswith("/start")]


def test_what_can_not_be_noted_is_not_detached(stage: Stage) -> None:
    stage.engine.volumes[constants.ROUTER_VOLUME] = {"Name": constants.ROUTER_VOLUME}
    c1 = stage.container("c1")
    stage.weave("attach", A, B, "c1")
    full = "no space left on device"
    stage.engine.on("PUT", r"/containers/[^/]+/archive", lambda _, reply: reply.error(500, full))
    result = stage.weave("detach", A, "c1")
    assert (result.code, full in result.err) == (125, True)
    assert sorted(c1.addresses()) == [A, B]


def test_a_router_that_is_not_ready_does_not_matter(stage: Stage, router: FakeRouter) -> None:
    c1 = stage.container("c1")
    router.answers[f"PUT /attachment/{identity('c1')}"] = (503, "")
    assert stage.weave("attach", A, "c1").code == 0
    assert c1.addresses() == [A]


@pytest.mark.parametrize("command", ["attach", "detach"])
def test_an_unknown_container_is_told_in_dockers_words(stage: Stage, command: str) -> None:
    result = stage.weave(command, A, "c9")
    assert (result.code, result.out, result.err) == (1, "", "No such container: c9\n")
    assert stage.host.links() == []


@pytest.mark.parametrize("command", ["attach", "detach"])
def test_a_stopped_container_is_not_running(stage: Stage, command: str) -> None:
    stage.stopped("c1")
    result = stage.weave(command, A, "c1")
    assert (result.code, result.err) == (1, "container c1 not running; it ended with exit code 0\n")
    assert stage.host.links() == []


@pytest.mark.parametrize("command", ["attach", "detach"])
def test_a_container_on_the_hosts_network_is_refused_and_no_bridge_is_made(stage: Stage, command: str) -> None:
    stage.container("c1", stage.host)
    result = stage.weave(command, A, "c1")
    assert result.code == 1
    assert result.err.startswith("container c1 uses the host's network")
    assert result.err.count("\n") == 1
    assert stage.host.links() == []


def test_a_container_that_is_gone_since_it_was_looked_up_has_died(stage: Stage) -> None:
    stage.container("c1").die()
    result = stage.weave("attach", A, "c1")
    assert (result.code, result.err) == (1, "container c1 died\n")
    assert stage.host.links() == []


def test_an_address_that_is_not_there_is_no_matter_of_detach(stage: Stage) -> None:
    c1 = stage.container("c1")
    stage.weave("attach", A, "c1")
    result = stage.weave("detach", B, "c1")
    assert (result.code, result.out) == (0, "")
    assert c1.addresses() == [A]


def test_detaching_what_was_never_attached_fails_with_the_reason(stage: Stage) -> None:
    stage.container("c1")
    result = stage.weave("detach", A, "c1")
    assert result.code == 1
    assert result.err == "failure during network configuration for container c1: it has no interface ethwe\n"


@pytest.mark.parametrize(
    "words",
    [
        (),
        (A,),
        (A, "c1", A),
        (A, "c1", "c2"),
        ("999.1.1.1/99", "c1"),
        ("10.2.1.1", "c1"),
        ("10.2.1.1/33", "c1"),
        ("10.2.1.256/24", "c1"),
    ],
)
@pytest.mark.parametrize("command", ["attach", "detach"])
def test_words_that_make_no_sense_get_one_line_that_says_what_was_expected(
    stage: Stage, command: str, words: tuple[str, ...]
) -> None:
    stage.container("c1")
    result = stage.weave(command, *words)
    assert (result.code, result.out) == (1, "")
    operation = find(command)
    assert operation is not None
    assert result.err.endswith(f"; expected: weave {command} {operation.usage()}\n")
    assert result.err.count("\n") == 1
    assert stage.engine.calls() == []
