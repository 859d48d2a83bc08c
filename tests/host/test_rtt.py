"""The table of round trips."""

from __future__ import annotations

import json
from typing import Any

from tests.host.stage import FakeRouter, Stage
from weave_http.host.rtt import table


def way(peer: str, other: str, rtt: float = 0.00031, *, good: bool = True) -> dict[str, Any]:
    return {
        "Peer": f"02:{peer}",
        "NickName": peer,
        "Other": f"02:{other}",
        "OtherNickName": other,
        "RTT": rtt,
        "Good": good,
    }


def test_hosts_are_lines_and_columns_in_the_order_of_their_names() -> None:
    found = [way("b", "a", 0.0012), way("a", "b"), way("a", "c", good=False), way("c", "a", 0.0)]
    assert list(table(found)) == [
        "      ms       a       b       c",
        "       a            0.31     bad",
        "       b    1.20               -",
        "       c       -       -",
    ]


def test_many_hosts_have_a_line_a_pair() -> None:
    names = [f"host{number}" for number in range(12)]
    lines = list(table([way(one, other) for one in names for other in names if one != other]))
    assert lines[0] == "host0 host1 0.31"
    assert len(lines) == 12 * 11


def test_the_router_is_asked_once_and_nothing_is_a_table_of_nothing(stage: Stage, router: FakeRouter) -> None:
    router.answers["GET /rtt"] = (200, json.dumps({"RoundTrips": []}))
    assert stage.weave("rtt").out == "      ms\n"
    router.answers["GET /rtt"] = (200, json.dumps({"RoundTrips": [way("a", "b")]}))
    assert json.loads(stage.weave("rtt", "--format", "json").out) == [way("a", "b")]
