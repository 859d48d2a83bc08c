"""`rmpeer PEER…`: peers that are gone for good, and what they have left behind."""

from __future__ import annotations

from weave_http.errors import ExitCode, UsageError
from weave_http.host.host import Host


def run(host: Host, words: list[str]) -> int:
    """Have the router forget peers (`DELETE /peer/{name or nickname}`), and print a line for each.

    Raises:
        UsageError: no peer.
        HostError: there is no router.
    """
    if not words:
        raise UsageError("no peer given")
    for peer in words:
        host.say(host.router.remove_peer(peer))
    return ExitCode.OK
