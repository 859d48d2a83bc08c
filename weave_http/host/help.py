"""`help [COMMAND]`: which commands there are."""

from __future__ import annotations

from weave_http.errors import ExitCode, UsageError
from weave_http.host.host import Host, no_arguments


def run(host: Host, words: list[str]) -> int:
    """Print a line for each command, or for one.

    Raises:
        UsageError: there is no such command.
    """
    from weave_http.local.commands import COMMANDS

    no_arguments(words[1:])
    if words and words[0] not in COMMANDS:
        raise UsageError(f"unknown command {words[0]!r}", hint=f"expected one of {', '.join(COMMANDS)}")
    for name in words or COMMANDS:
        host.say(f"weave {name} {COMMANDS[name]}".rstrip())
    return ExitCode.OK
