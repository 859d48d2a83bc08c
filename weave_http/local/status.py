"""`status [targets | connections | peers | dns]`: what the router says of itself."""

from __future__ import annotations

from weave_http.errors import ExitCode, UsageError
from weave_http.local.host import Host, no_arguments

SECTIONS = ("targets", "connections", "peers", "dns")


def run(host: Host, words: list[str]) -> int:
    """Print the router's text (`GET /status`, `GET /status/SECTION`), the summary between empty lines.

    Raises:
        UsageError: no such section.
        HostError: there is no router.
    """
    section = words[0] if words else ""
    if section and section not in SECTIONS:
        raise UsageError(f"unknown section {section!r}", hint=f"expected one of {', '.join(SECTIONS)}")
    no_arguments(words[1:])
    text = host.router.status(section)
    host.stdout.write(text if section else f"\n{text}\n")
    return ExitCode.OK
