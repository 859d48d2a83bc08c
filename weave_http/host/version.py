"""`version`: that of the router that runs, else of this image, from which one would be made."""

from __future__ import annotations

from weave_http import __version__
from weave_http.errors import ExitCode
from weave_http.host.host import Host, no_arguments
from weave_http.host.router_client import RouterUnavailable


def run(host: Host, words: list[str]) -> int:
    """Print one line (`GET /version`).

    Raises:
        UsageError: there are arguments.
        HostError: what answers is no router.
    """
    no_arguments(words)
    try:
        version = host.router.version()
    except RouterUnavailable:
        version = __version__
    host.say(f"weave {version}")
    return ExitCode.OK
