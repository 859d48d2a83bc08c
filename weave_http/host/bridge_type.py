"""`bridge-type`: what kind of bridge there is. Only one of Weave's kinds is left."""

from __future__ import annotations

from weave_http.errors import ExitCode, HostError
from weave_http.host.host import Host, no_arguments


def run(host: Host, words: list[str]) -> int:
    """Print `bridge`.

    Raises:
        UsageError: there are arguments.
        HostError: there is no bridge.
    """
    no_arguments(words)
    from weave_http.net import bridge

    if bridge.describe() is None:
        raise HostError("there is no bridge weave", hint="make it: weave launch")
    host.say("bridge")
    return ExitCode.OK
