"""`env`: the shell's way to the Docker API proxy. There is none, so that `eval "$(weave env)"` changes nothing."""

from __future__ import annotations

from weave_http.errors import ExitCode
from weave_http.host.host import Host, no_arguments

INSTEAD = "there is no Docker API proxy; start containers by `weave run`, with docker run's own arguments"


def run(host: Host, words: list[str]) -> int:
    """Say so beside.

    Raises:
        UsageError: there are arguments.
    """
    no_arguments(words)
    host.warn(f"weave env: {INSTEAD}")
    return ExitCode.OK
