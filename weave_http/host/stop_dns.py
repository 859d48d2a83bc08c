"""`stop-dns`, of Weave 0.10: names are served by the router, and with it they end."""

from __future__ import annotations

from weave_http.errors import ExitCode
from weave_http.host.host import Host, no_arguments


def run(host: Host, words: list[str]) -> int:
    """Do nothing, and say so. Raises `UsageError` if there are arguments."""
    no_arguments(words)
    host.warn("names are served by the router: they end with `weave stop`, and `weave launch --no-dns` is without them")
    return ExitCode.OK
