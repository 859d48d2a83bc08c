"""`prime`: wait until addresses can be allocated. There is no allocator, so there is nothing to wait for."""

from __future__ import annotations

from weave_http.errors import ExitCode
from weave_http.host.host import Host, no_arguments


def run(host: Host, words: list[str]) -> int:
    """Return at once, so that scripts go on.

    Raises:
        UsageError: there are arguments.
    """
    no_arguments(words)
    host.warn("weave prime: nothing to wait for: this version hands out no addresses")
    return ExitCode.OK
