"""`connect`, `forget`, `status`, `version`, `stop`, `reset`: what they tell the router, and do without one."""

from __future__ import annotations

import json
import threading

import pytest

from tests.fake_engine import Run
from tests.host.stage import FakeRouter, Stage, identity
from weave_http import __version__, constants
from weave_http.router.control.as_json import as_json
from weave_http.router.control.report import Missing, Path

OURS = {constants.ROLE_LABEL: "router"}
ABSENT = "no router answers at 127.0.0.1:6784; start one: weave launch\n"


@pytest.mark.parametrize("words", [("connect", "h2"), ("forget", "h2"), ("status",), ("status", "peers")])
def test_without_a_router_one_line_says_so(stage: Stage, words: tuple[str, ...]) -> None:
    result = stage.weave(*words)
    assert (result.code, result.out, result.err) == (1, "", ABSENT)


def test_connect_and_forget_hand_the_peers_on(stage: Stage, router: FakeRouter) -> None:
    assert stage.weave("connect", "h2", "10.0.0.3:7000").code == 0
    assert stage.weave("connect", "--replace", "h4").code == 0
    assert stage.weave("forget", "h2", "h4").code == 0
    assert router.calls == [
        "POST /connect peer=h2&peer=10.0.0.3%3A7000",
        "POST /connect peer=h4&replace=true",
        "POST /forget peer=h2&peer=h4",
    ]


def test_what_the_router_refuses_is_told(stage: Stage, router: FakeRouter) -> None:
    router.answers["POST /connect"] = (400, "h2 is this host itself\n")
    result = stage.weave("connect", "h2")
    assert (result.code, result.out, result.err) == (1, "", "h2 is this host itself\n")


def test_connect_adds_no_peer_beside_one_whose_name_does_not_resolve(stage: Stage) -> None:
    assert stage.weave("connect", "h2", "nowhere").err == ABSENT
    with FakeRouter(stage.host) as router:
        result = stage.weave("connect", "h2", "nowhere", "10.0.0.3")
        assert (result.code, result.out) == (1, "")
        assert result.err.startswith("nowhere does not resolve (name or service not known); no peer was added")
        assert router.calls == ["GET /version"]


def test_status_is_framed_by_empty_lines_and_its_sections_are_not(stage: Stage, router: FakeRouter) -> None:
    router.answers = {"GET /status": (200, "  Service: router\n"), "GET /status/targets": (200, "h2\n")}
    assert stage.weave("status").out == "\n  Service: router\n\n"
    assert stage.weave("status", "targets").out == "h2\n"
    assert stage.weave("status", "peers").out == ""


def lacking(*unconnected: str, unreached: tuple[tuple[str, str], ...] = ()) -> tuple[int, str]:
    paths = tuple(Path("", name, "", why, 0.0, 0, ()) for name, why in unreached)
    missing = Missing(("10.0.0.2", "10.0.0.3"), dict.fromkeys(unconnected, "refused"), paths)
    return 200, json.dumps(as_json(missing))


def test_status_waits_until_the_targets_are_connected(stage: Stage, router: FakeRouter) -> None:
    router.answers = {"GET /status/targets": (200, "10.0.0.2\n"), "GET /missing": lacking("10.0.0.3")}
    threading.Timer(0.3, router.answers.__setitem__, ("GET /missing", lacking())).start()
    result = stage.weave("status", "--wait=60", "targets")
    assert (result.code, result.out, result.err) == (0, "10.0.0.2\n", "")
    assert router.calls.count("GET /missing") > 1
    assert "GET /report" not in router.calls, "it is long where there are many hosts"


def test_status_says_which_targets_are_not_connected_in_time(stage: Stage, router: FakeRouter) -> None:
    router.answers = {"GET /status/targets": (200, "10.0.0.2\n"), "GET /missing": lacking("10.0.0.3")}
    result = stage.weave("status", "--wait=1", "targets")
    assert (result.code, result.out) == (1, "10.0.0.2\n")
    assert result.err.startswith("not connected after 1 s: 10.0.0.3 (refused); open TCP 6783")
    assert stage.weave("status", "--wait=1", "--peer", "10.0.0.2", "targets").code == 0
    strange = stage.weave("status", "--wait=1", "--peer", "h9", "targets")
    assert "h9 (it is no target: weave connect h9)" in strange.err


def test_status_says_which_peers_no_data_reaches(stage: Stage, router: FakeRouter) -> None:
    unreached = ("host2", "UDP port 6784 is blocked"), ("host3", "")
    router.answers = {"GET /status/targets": (200, ""), "GET /missing": lacking(unreached=unreached)}
    result = stage.weave("status", "--wait=1", "targets")
    assert result.code == 1
    said = "not connected after 1 s: host2 (no data passes: UDP port 6784 is blocked), host3 (no data passes yet); open"
    assert result.err.startswith(said)
    router.answers["GET /missing"] = lacking(unreached=(("host2", "one"), ("host2", "two")))
    twins = stage.weave("status", "--wait=1", "targets").err
    assert "host2 (no data passes: one), host2 (no data passes: two)" in twins, "two peers may have one nickname"


def test_version_is_the_routers_else_the_images(stage: Stage) -> None:
    assert stage.weave("version").out == f"weave {__version__}\n"
    with FakeRouter(stage.host) as router:
        router.answers["GET /version"] = (200, "9.8.7\n")
        assert stage.weave("version").out == "weave 9.8.7\n"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ((), "no command given"),
        (("frobnicate",), "unknown command 'frobnicate'"),
        (("__init__",), "unknown command '__init__'"),
        (("status", "proxy"), "unknown section 'proxy'; expected one of targets, connections, peers, dns, ipam"),
        (("status", "peers", "x"), "unexpected argument 'x'"),
        (("connect",), "no peer given"),
        (("connect", "--replace"), "no peer given"),
        (("connect", "a/b"), "invalid peer 'a/b'; expected HOST or HOST:PORT"),
        (("forget",), "no peer given"),
        (("stop", "now"), "unexpected argument 'now'"),
        (("reset", "--forcibly"), "unknown option '--forcibly'"),
        (("version", "x"), "unexpected argument 'x'"),
    ],
)
def test_usage_errors_are_one_line_that_says_what_was_expected(stage: Stage, words: tuple[str, ...], line: str) -> None:
    result = stage.weave(*words)
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(line), result.err
    assert "; expected" in result.err
    assert result.err.count("\n") == 1
    assert stage.engine.calls() == []


def _start_router(stage: Stage) -> None:
    """Add a router's container that runs until it is stopped."""
    stage.stopped("weave", labels=OURS)
    stage.engine.program = lambda config: Run(until=threading.Event())
    stage.engine._run(stage.engine.containers[identity("weave")])


def test_stop_says_goodbye_and_keeps_the_container_and_the_network(stage: Stage, router: FakeRouter) -> None:
    _start_router(stage)
    c1 = stage.container("c1")
    stage.weave("attach", "10.2.1.1/24", "c1")
    router.calls.clear()
    result = stage.weave("stop")
    assert (result.code, result.out, result.err) == (0, "", "")
    assert router.calls == ["DELETE /peer"]
    stopped = stage.engine.containers[identity("weave")]
    assert stopped.status == "exited"
    assert stopped.config["HostConfig"]["RestartPolicy"] == {"Name": "no"}
    assert c1.addresses() == ["10.2.1.1/24"]
    assert "weave" in stage.host.links()


def test_a_router_that_hangs_is_stopped_all_the_same_with_all_that_leads_to_other_hosts(
    stage: Stage, router: FakeRouter
) -> None:
    _start_router(stage)
    router.answers["DELETE /peer"] = (500, "oops\n")
    stage.host.run(
        "ip link add vxlan-6784 type vxlan id 6784 dstport 6784;"
        "ip link add vxlan6-6784 type vxlan id 6784 dstport 6784 local ::;"
        "ip link add weave-t4-6790 type vxlan id 6784 dstport 6790 remote 192.0.2.1;"
        "ip link set lo up; ip -6 route add 100::/64 dev lo"
    )
    assert stage.weave("stop").code == 0
    assert stage.engine.containers[identity("weave")].status == "exited"
    assert stage.host.links() == []
    assert "100::" not in stage.host.run("ip -6 route")


def test_where_a_stopped_router_would_come_back_by_itself_stop_removes_it(stage: Stage, router: FakeRouter) -> None:
    _start_router(stage)
    stage.engine.on("POST", r"/containers/[^/]+/update", lambda _, reply: reply.error(500, "not implemented"))
    assert stage.weave("stop").code == 0
    assert identity("weave") not in stage.engine.containers


@pytest.mark.parametrize("left", ["nothing", "stopped", "created", "foreign"])
def test_stopping_what_does_not_run_is_noted_and_no_error(stage: Stage, left: str) -> None:
    if left in ("stopped", "created"):
        stage.stopped("weave", labels=OURS)
    if left == "created":
        stage.engine.containers[identity("weave")].status = "created"
    if left == "foreign":
        stage.running("weave")
    result = stage.weave("stop")
    assert (result.code, result.out, result.err) == (0, "", "Weave is not running.\n")
    assert set(stage.engine.containers) == ({identity("weave")} if left in ("foreign", "stopped") else set())


def test_reset_leaves_nothing_of_ours_and_can_be_repeated(stage: Stage, router: FakeRouter) -> None:
    _start_router(stage)
    c1 = stage.container("c1")
    stage.weave("attach", "10.2.1.1/24", "c1")
    stage.engine.volumes["weavedb"] = {"Name": "weavedb"}
    stage.engine.volumes["mine"] = {"Name": "mine"}
    stage.host.run("ip link add vxlan-6784 type vxlan id 6784 dstport 6784")
    for words in ("reset",), ("reset",), ("reset", "--force"):
        result = stage.weave(*words)
        assert (result.code, result.out, result.err) == (0, "", "")
        assert (stage.host.links(), c1.links()) == ([], [])
        assert "WEAVE" not in stage.host.run("iptables-nft-save; iptables-legacy-save")
        assert set(stage.engine.volumes) == {"mine"}
        assert set(stage.engine.containers) == {identity("c1")}


def test_reset_takes_the_waiters_volumes_away_of_any_version(stage: Stage) -> None:
    for name in ("weavevolumes-1", "weavevolumes-2", "weavevolumes-mine"):
        stage.container(name)
    for name in ("weavevolumes-1", "weavevolumes-2"):
        stage.engine.containers[identity(name)].config["Labels"] = {"weavevolumes": ""}
    assert stage.weave("reset").code == 0
    assert set(stage.engine.containers) == {identity("weavevolumes-mine")}


def test_reset_removes_a_router_that_was_stopped_under_another_name(stage: Stage) -> None:
    stage.stopped("net", labels=OURS)
    stage.running("other", labels=OURS)
    assert stage.weave("reset").code == 0
    assert set(stage.engine.containers) == {identity("other")}


def test_reset_leaves_a_foreign_container_of_the_routers_name(stage: Stage) -> None:
    stage.running("weave")
    assert stage.weave("reset").code == 0
    assert identity("weave") in stage.engine.containers


def test_an_engine_that_does_not_answer_is_one_line_and_exit_code_125(stage: Stage) -> None:
    stage.engine.close()
    result = stage.weave("ps")
    assert (result.code, result.out, result.err.count("\n")) == (125, "", 1)
    assert "docker.sock" in result.err
