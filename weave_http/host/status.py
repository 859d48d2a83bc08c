"""`status [--format json] [targets | connections | peers | dns]`: what the router says of itself."""

from __future__ import annotations

import json
from typing import Any

from weave_http.errors import ExitCode, HostError, UsageError
from weave_http.host.host import Host, no_arguments, take_format

SECTIONS = ("targets", "connections", "peers", "dns")
IN_REPORT = {
    "targets": ("Router", "Targets"),
    "connections": ("Router", "Connections"),
    "peers": ("Router", "Peers"),
    "dns": ("DNS", "Entries"),
}
"""Where a section is found in the report."""


def run(host: Host, words: list[str]) -> int:
    """Print the router's text (`GET /status`, `GET /status/SECTION`), the summary between empty lines.

    In JSON it is the report (`GET /report`), or that section of it.

    Raises:
        UsageError: no such section.
        HostError: there is no router.
    """
    words, as_json = take_format(words)
    section = words[0] if words else ""
    if section and section not in SECTIONS:
        raise UsageError(f"unknown section {section!r}", hint=f"expected one of {', '.join(SECTIONS)}")
    no_arguments(words[1:])
    if as_json:
        value: Any = host.router.report()
        for key in IN_REPORT.get(section, ()):
            if key not in value:
                raise HostError(f"the router has no {section} to tell of")
            value = value[key]
        host.say(json.dumps(value, indent=4))
        return ExitCode.OK
    text = host.router.status(section)
    host.stdout.write(text if section else f"\n{text}\n")
    return ExitCode.OK
