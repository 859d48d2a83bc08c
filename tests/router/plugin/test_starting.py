"""Which containers the plugin starts because the engine could not, and for how long it tries."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fake_engine import FakeEngine, Recorded, Reply
from weave_http.engine import connect
from weave_http.router.plugin.starting import LONGEST_PAUSE, LOOKS, PAUSE, Pace, Starting


@given(st.lists(st.booleans(), max_size=40))
def test_looks_end_only_after_enough_in_a_row_that_found_nothing(looks: list[bool]) -> None:
    pace, quiet = Pace(), 0
    for left in looks:
        quiet = 0 if left else quiet + 1
        pause = pace.after(left=left)
        assert (pause is None) == (quiet == LOOKS)
        if pause is None:
            return
        assert PAUSE <= pause <= LONGEST_PAUSE


def test_looks_for_one_that_does_not_start_become_rare_and_do_not_end() -> None:
    pace = Pace()
    pauses = [pace.after(left=True) for _ in range(2000)]
    assert pauses[:LOOKS] == [PAUSE] * LOOKS
    assert pauses[-1] == LONGEST_PAUSE
    # and once it has started, others are looked for as at the beginning
    assert [pace.after(left=False) for _ in range(LOOKS)] == [PAUSE] * (LOOKS - 1) + [None]


def test_one_that_can_not_be_started_yet_is_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    plugin = "NetworkDriver.Join: weave: not done within 20 s"
    state: dict[str, Any] = {"Status": "exited", "Error": plugin}
    container = {
        "Id": "1" * 64,
        "Name": "/box",
        "State": state,
        "HostConfig": {"RestartPolicy": {"Name": "always"}},
        "NetworkSettings": {"Networks": {"weave": {}}},
    }
    refusals = [plugin, plugin]

    def start(_: Recorded, reply: Reply) -> None:
        if refusals:
            reply.error(500, refusals.pop())
            return
        state.update(Status="running", Error="")
        reply.send(204, b"")

    with FakeEngine(tmp_path / "docker.sock") as fake:
        fake.on("GET", "/networks", lambda _, reply: reply.json([{"Name": "weave", "Driver": "weave"}]))
        fake.on("GET", "/containers/json", lambda _, reply: reply.json([container]))
        fake.on("GET", f"/containers/{container['Id']}/json", lambda _, reply: reply.json(container))
        fake.on("POST", f"/containers/{container['Id']}/start", start)
        starting = Starting(threading.Event(), lambda: connect(fake.endpoint, transport="wire"))
        assert [starting.look() for _ in range(4)] == [True, True, False, False]
    assert state["Status"] == "running"
    assert len([record for record in caplog.records if "can't start box" in record.message]) == 1
