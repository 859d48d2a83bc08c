"""`status` and `report`: what the router says of itself."""

from __future__ import annotations

import json
from typing import Any

from weave_http.errors import HostError
from weave_http.host.host import Host
from weave_http.operations import Report, Status
from weave_http.operations.reading import SECTIONS


def run(host: Host, op: Status) -> None:
    """Print the router's text (`GET /status`, `GET /status/SECTION`), the summary between empty lines.

    In JSON it is the report (`GET /report`), or that section of it.

    Raises:
        HostError: there is no router.
    """
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
