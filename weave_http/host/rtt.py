"""`rtt`: the round trips between all hosts, as a table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from weave_http.hints import Any
from weave_http.host.host import Host
from weave_http.operations import Rtt

WIDTH = 80
"""Columns of a table; where there are more hosts than fit, each pair has a line."""
_LONGEST_NAME = 12


def run(host: Host, op: Rtt) -> None:
    """Print the table, or an array in JSON (`GET /rtt`).

    Raises:
        HostError: there is no router.
    """
    found = host.router.round_trips()
    if op.json:
        host.say(json.dumps(found, indent=4))
        return
    for line in table(found):
        host.say(line)


def table(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the lines of a table from hosts to hosts, or a line a pair if that would be wider than 80 columns.

    Args:
        found: what the router answers: an object for each host and each of its neighbours.
    """
    times = {(each["Peer"], each["Other"]): _shown(each) for each in found}
    names = {each["Peer"]: each["NickName"] or each["Peer"] for each in found}
    names = dict(sorted(names.items(), key=lambda item: (item[1], item[0])))
    width = max(map(len, (*(name[:_LONGEST_NAME] for name in names.values()), "999.99")), default=0) + 2
    if width * (len(names) + 1) > WIDTH:
        for (peer, other), time in sorted(times.items(), key=lambda item: (names[item[0][0]], item[0])):
            yield f"{names[peer]} {names.get(other, other)} {time}"
        return
    yield "".join(f"{name[:_LONGEST_NAME]:>{width}}" for name in ("ms", *names.values()))
    for peer, name in names.items():
        cells = ("" if peer == other else times.get((peer, other), "-") for other in names)
        yield "".join(f"{cell:>{width}}" for cell in (name[:_LONGEST_NAME], *cells)).rstrip()


def _shown(each: Mapping[str, Any]) -> str:
    if not each["Good"]:
        return "bad"
    return f"{each['RTT'] * 1000:.2f}" if each["RTT"] else "-"
