"""Commands that need a router wait for one that is only restarting, and for no other."""

from __future__ import annotations

import threading
import time

from tests.host.stage import FakeRouter, Stage, identity
from weave_http import constants
from weave_http.host.router_container import ROLE

LABELS = {constants.ROLE_LABEL: ROLE}
NOT_READY = (503, "the router is not ready yet\n")


def test_a_router_that_is_restarting_is_waited_for(stage: Stage, router: FakeRouter) -> None:
    stage.running(constants.ROUTER_CONTAINER, labels=LABELS)
    stage.container("c1")
    asked = {"GET /dns-address-port": "172.17.0.1:53", f"GET /ip/{identity('c1')}": "10.32.0.1/12"}
    for words in (["dns-args"], ["attach", "c1"]):
        router.answers.update(dict.fromkeys(asked, NOT_READY))
        router.answers["GET /domain"] = (200, "weave.local.")
        router.answers[f"POST /ip/{identity('c1')}/default"] = (200, "10.32.0.1/12")
        ready = threading.Timer(0.3, router.answers.update, [{call: (200, text) for call, text in asked.items()}])
        ready.start()
        result = stage.weave(*words)
        ready.join()
        assert (result.code, result.err) == (0, ""), words
        assert result.out in ("--dns=172.17.0.1 --dns-search=weave.local.", "10.32.0.1\n")


def test_a_router_that_was_stopped_is_not_waited_for(stage: Stage, router: FakeRouter) -> None:
    router.answers["GET /dns-address-port"] = NOT_READY
    stage.stopped(constants.ROUTER_CONTAINER, labels=LABELS)
    began = time.monotonic()
    assert stage.weave("dns-args").code == 1
    assert len(router.calls) == 1
    assert time.monotonic() - began < 4
