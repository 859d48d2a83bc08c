"""`restart CIDR… CONTAINER`: stop a container, start it again, and join it to the network."""

from __future__ import annotations

from weave_http.host.host import Host
from weave_http.host.start import begin


def run(host: Host, words: list[str]) -> int:
    """Restart a container, attach it, and print its name as it was given.

    Raises:
        UsageError: the words are no CIDRs followed by a container.
        WeaveError: it did not work; a container that did not run before doesn't run now.
    """
    return begin(host, words, host.engine.containers.restart)
