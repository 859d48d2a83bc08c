"""`status` and `report`: what the router says of itself."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

from weave_http.errors import HostError
from weave_http.hints import Any
from weave_http.host.host import Host
from weave_http.operations import Report, Status
from weave_http.operations.reading import SECTIONS

_PAUSE_SECONDS = 0.1
_SHARE = 20
"""Times as long as the router was busy with an answer it is left alone: it has a mesh to make meanwhile."""


def run(host: Host, op: Status) -> None:
    """Print the router's text (`GET /status`, `GET /status/SECTION`), the summary between empty lines.

    In JSON it is the report (`GET /report`), or that section of it.

    Raises:
        HostError: there is no router, or what was to be waited for is not connected in time, or carries no data.
    """
    missing = _awaited(host, op) if op.wait else []
    _show(host, op)
    if missing:
        raise HostError(
            f"not connected after {op.wait} s: {', '.join(missing)}",
            hint="open TCP 6783 and UDP 6784 between the hosts, and see what `docker logs weave` says there",
        )


def _awaited(host: Host, op: Status) -> list[str]:
    """Wait until the targets are connected and data reaches all peers; return what is wrong if that is not in time."""
    wanted = {str(peer) for peer in op.peers}
    deadline = time.monotonic() + op.wait
    while True:
        asked = time.monotonic()
        answer = host.router.missing()
        now = time.monotonic()
        missing = list(_unconnected(answer, wanted)) or list(_unreached(answer))
        if not missing or now > deadline:
            return missing
        time.sleep(min(max(_PAUSE_SECONDS, _SHARE * (now - asked)), max(0.0, deadline - now)))


def _unconnected(answer: dict[str, Any], wanted: set[str]) -> Iterator[str]:
    """Yield the targets without a connection, with what is wrong.

    Args:
        answer: the router's.
        wanted: targets; none for all.
    """
    for target, why in answer["Unconnected"].items():
        if not wanted or target in wanted:
            yield f"{target} ({why})"
    for target in sorted(wanted - set(answer["Targets"])):
        yield f"{target} (it is no target: weave connect {target})"


def _unreached(answer: dict[str, Any]) -> Iterator[str]:
    """Yield the peers that no data is known to reach, with what is wrong."""
    for path in answer["Unreached"]:
        yield f"{path['NickName']} (no data passes{': ' if path['Reason'] else ' yet'}{path['Reason']})"


def _show(host: Host, op: Status) -> None:
    if op.json:
        value: Any = host.router.report()
        for key in SECTIONS[op.section] if op.section else ():
            if key not in value:
                raise HostError(f"the router has no {op.section} to tell of")
            value = value[key]
        host.say(json.dumps(value, indent=4))
        return
    text = host.router.status(op.section)
    host.write(text if op.section else f"\n{text}\n")


def report(host: Host, op: Report) -> None:
    """Print the report (`GET /report`), as JSON or as a Go template puts it.

    Raises:
        HostError: there is no router, or it can't make sense of the template.
    """
    text = host.router.report_text(op.template)
    host.write(text if text.endswith("\n") else f"{text}\n")
