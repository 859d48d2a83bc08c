"""`weave env --restore`: what undoes an earlier version's `weave env`; the environment that it changed is here."""

from __future__ import annotations

from weave_http.commands.caller import Caller
from weave_http.errors import UsageError


def restore(caller: Caller) -> int:
    """Print a line by which `DOCKER_HOST` is what it was.

    Args:
        caller: environment and streams; no daemon is asked.

    Raises:
        UsageError: nothing was changed.
    """
    original = caller.environ.get("ORIG_DOCKER_HOST")
    if original is None:
        raise UsageError("ORIG_DOCKER_HOST is not set", hint="there is nothing to restore")
    caller.say(f"DOCKER_HOST={original}")
    return 0
