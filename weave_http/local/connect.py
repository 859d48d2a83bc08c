"""`connect [--replace] PEER…`: more peers for the running router."""

from __future__ import annotations

from weave_http.errors import ExitCode, UsageError
from weave_http.local.host import Host
from weave_http.local.peers import parse_peers


def run(host: Host, words: list[str]) -> int:
    """Tell the router to connect to peers (`POST /connect`).

    Raises:
        UsageError: no peer, or one that is no `HOST[:PORT]`.
        HostError: there is no router, or it refused.
    """
    replace = words[:1] == ["--replace"]
    peers = parse_peers(words[1:] if replace else words)
    if not peers:
        raise UsageError("no peer given")
    host.router.connect(peers, replace)
    return ExitCode.OK
