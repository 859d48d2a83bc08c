"""`config`: docker's option for the Docker API proxy. There is none, which is a failure, as in Weave."""

from __future__ import annotations

from weave_http.errors import ExitCode
from weave_http.host.env import INSTEAD
from weave_http.host.host import Host, no_arguments


def run(host: Host, words: list[str]) -> int:
    """Say so beside.

    Raises:
        UsageError: there are arguments.
    """
    no_arguments(words)
    host.warn(f"weave config: {INSTEAD}")
    return ExitCode.FAILURE
