"""`connect [--replace] PEER…`: more peers for the running router."""

from __future__ import annotations

from weave_http.errors import ExitCode, UsageError
from weave_http.host.host import Host
from weave_http.host.peers import parse_peers


def run(host: Host, words: list[str]) -> int:
    """Tell the router to connect to peers (`POST /connect`). Good ones are taken, also beside bad ones.

    Raises:
        UsageError: no peer, or none that is `HOST[:PORT]`.
        HostError: there is no router, or it refused some.
    """
    replace = words[:1] == ["--replace"]
    peers: list[str] = []
    complaints: list[UsageError] = []
    for word in words[1:] if replace else words:
        try:
            peers += parse_peers([word])
        except UsageError as error:
            complaints.append(error)
    if not peers:
        raise complaints[0] if complaints else UsageError("no peer given")
    for complaint in complaints:
        host.warn(str(complaint))
    host.router.connect(peers, replace)
    return ExitCode.FAILURE if complaints else ExitCode.OK
