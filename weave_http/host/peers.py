"""`connect`, `forget` and `rmpeer`: which other hosts the running router talks to."""

from __future__ import annotations

from weave_http.errors import HostError
from weave_http.host.host import Host
from weave_http.host.resolving import unresolved
from weave_http.operations import Connect, Forget, Rmpeer


def connect(host: Host, op: Connect) -> None:
    """Tell the router to connect to peers (`POST /connect`), to all or to none.

    Raises:
        HostError: a name does not resolve, there is no router, or it refused.
    """
    if reasons := unresolved(op.peers):
        host.router.version()  # without a router that is the news
        said = ", ".join(f"{name} does not resolve ({reason})" for name, reason in reasons.items())
        raise HostError(said, hint="no peer was added; give addresses, or names that this host can look up")
    host.router.connect(op.peers, op.replace)


def forget(host: Host, op: Forget) -> None:
    """Tell the router to stop trying to reach peers (`POST /forget`). Raises `HostError`: there is no router."""
    host.router.forget(op.peers)


def rmpeer(host: Host, op: Rmpeer) -> None:
    """Have the router forget peers (`DELETE /peer/{name or nickname}`), and print a line for each.

    Raises:
        HostError: there is no router.
    """
    for peer in op.peers:
        host.say(host.router.remove_peer(peer))
