"""`forget PEER…`: fewer peers for the running router."""

from __future__ import annotations

from weave_http.errors import ExitCode, UsageError
from weave_http.host.host import Host


def run(host: Host, words: list[str]) -> int:
    """Tell the router to stop trying to reach peers, spelt as they were given (`POST /forget`).

    Raises:
        UsageError: no peer.
        HostError: there is no router.
    """
    if not words:
        raise UsageError("no peer given")
    host.router.forget(words)
    return ExitCode.OK
