"""How an operation is performed: what is said, where it goes, and how it ends."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from tests.host.stage import FakeRouter, Stage, identity
from weave_http import constants
from weave_http.engine import local_engine
from weave_http.host import FUNCTIONS, Host, perform, perform_words
from weave_http.host.router_client import RouterClient
from weave_http.operations import NAMES, Gone, Ps, Status, parse
from weave_http.operations.outcome import ERR, OUT


def test_every_operation_has_its_function() -> None:
    assert set(FUNCTIONS) == {*NAMES, Gone.name}


@pytest.mark.parametrize("where", FUNCTIONS.values())
def test_each_function_is_there(where: str) -> None:
    from importlib import import_module

    module, _, name = where.partition(".")
    assert callable(getattr(import_module(f"weave_http.host.{module}"), name))


def test_what_is_said_is_in_the_outcome_and_goes_out_at_once_in_its_order(stage: Stage) -> None:
    stage.container("c1")
    stage.host.run("ip route add 10.2.0.0/16 dev lo")
    heard: list[tuple[int, bytes]] = []
    outcome = stage.host.call(perform, Host({}, lambda stream, data: heard.append((stream, data))), parse(
        ["attach", "10.2.1.1/24", "c1"]
    ))  # fmt: skip
    assert (outcome.ok, outcome.out) == (True, "10.2.1.1\n")
    assert [stream for stream, _ in outcome.said] == [ERR, OUT]
    assert outcome.err.startswith("WARNING: 10.2.1.1/24 overlaps")
    assert tuple(heard) == outcome.said


def test_a_value_is_performed_without_words(stage: Stage) -> None:
    stage.container("c1")
    stage.weave("attach", "10.2.1.1/24", "c1")
    outcome = stage.host.call(perform, Host({}), Ps(("c1",), json=True))
    (entry,) = outcome.json()
    assert (entry["ID"], entry["Addresses"]) == (identity("c1")[:12], ["10.2.1.1/24"])


def test_a_router_and_an_engine_that_are_at_hand_are_used_and_stay(stage: Stage, router: FakeRouter) -> None:
    class AtHand(RouterClient):
        def status(self, section: str = "") -> str:
            return "from inside\n"

    with local_engine(constants.DOCKER_SOCKET) as engine:
        for _ in range(2):
            found = Host({}, engine=engine, router=AtHand())
            assert stage.host.call(perform, found, Status()).out == "\nfrom inside\n\n"
            assert stage.host.call(perform, Host({}, engine=engine), Ps()).ok
        assert engine.containers.list() == []
    assert router.calls == []


def test_operations_at_the_same_time_keep_apart_what_they_say(stage: Stage) -> None:
    names = [f"c{number}" for number in range(1, 9)]
    for name in names:
        stage.container(name)
    words = [["attach", f"10.2.1.{number}/24", name] for number, name in enumerate(names, start=1)]

    def together() -> list[Any]:
        # A thread of a namespace has that namespace.
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(lambda each: perform_words(Host({}), each), words))

    outcomes = stage.host.call(together)
    assert [(outcome.code, outcome.out, outcome.err) for outcome in outcomes] == [
        (0, f"10.2.1.{number}\n", "") for number in range(1, 9)
    ]


@pytest.mark.kernel
def test_a_fault_of_our_own_is_one_line_unless_one_wants_to_see_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_host: object, _operation: object) -> int:
        raise KeyError("x")

    monkeypatch.setattr("weave_http.host.ps.run", broken)
    for env, lines in (({}, 1), ({"WEAVE_DEBUG": "1"}, 4)):
        outcome = perform(Host(env), Ps())
        assert (outcome.code, outcome.out) == (1, "")
        assert len(outcome.err.splitlines()) >= lines
        assert outcome.err.startswith("weave: unexpected ")
        assert "KeyError: 'x'" in outcome.err


def test_a_text_that_no_encoding_has_is_written_out() -> None:
    found = Host({})
    found.say("a\udcff\ud800b")
    assert found.said == [(OUT, b"a\\udcff\\ud800b\n")]


@pytest.mark.kernel
@pytest.mark.parametrize(
    ("system", "release", "line"),
    [
        ("Darwin", "23.1.0", "runs on Linux, and this host is Darwin"),
        ("Linux", "custom", "can't make out the kernel's version from 'custom'"),
    ],
)
def test_a_host_that_can_not_do_is_refused_first(
    monkeypatch: pytest.MonkeyPatch, system: str, release: str, line: str
) -> None:
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(sysname=system, release=release))
    outcome = perform_words(Host({}), [])
    assert (outcome.code, outcome.out, outcome.err) == (1, "", f"weave: {line}\n")


def test_without_root_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    outcome = perform_words(Host({}), ["frobnicate"])
    assert (outcome.code, outcome.err) == (1, "weave: must be root when local\n")


def test_an_old_kernel_is_only_warned_of(monkeypatch: pytest.MonkeyPatch, stage: Stage) -> None:
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(sysname="Linux", release="3.2.0-4-amd64"))
    result = stage.weave("ps")
    assert result.code == 0
    assert result.err == "WARNING: kernel 3.2.0-4-amd64 is older than 3.5; weave may not work\n"
