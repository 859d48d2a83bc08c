"""`weave run`: start a container with `docker run`'s arguments, then join it to the network.

The exception among the commands, as in Weave: the container is the caller's own, so it is created and started by
calls from here; only joining it is the executor's work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from weave_http.commands.caller import Caller
from weave_http.commands.containers import create, remove
from weave_http.commands.executor import execute
from weave_http.engine.errors import APIError

if TYPE_CHECKING:
    from weave_http.run_args import CreateRequest

START_FAILURE_CODES = (
    (126, ("permission denied", "is a directory")),
    (127, ("executable file not found", "no such file or directory")),
)
"""Exit codes of `docker run` that are only to be told from the words of the daemon's refusal to start."""


def run(caller: Caller, addresses: Sequence[str], request: CreateRequest) -> int:
    """Create and start a container, attach it, and print its id.

    If anything fails or is interrupted after the container was created, it is removed again: no container is left
    running without the network it was asked to have.

    Args:
        caller: engine, streams and environment.
        addresses: IPv4 addresses with prefix length for the container.
        request: what to create, from `weave_http.run_args.parse`.

    Raises:
        EngineError: the daemon refused to create or start it.
    """
    interrupts = caller.interrupts
    containers = caller.engine.containers
    with interrupts.deferred():
        created = create(caller, request.detached().config, name=request.name)
        joined = False
        try:
            for warning in created.warnings:
                caller.note(f"WARNING: {warning}")
            interrupts.check()
            try:
                containers.start(created.id)
            except APIError as error:
                error.exit_code = start_failure_code(error.message)
                raise
            interrupts.check()
            code = execute(caller, ["attach", *addresses, created.id])
            joined = code == 0
        finally:
            if not joined:
                remove(caller, created.id)
        if joined:
            caller.say(created.id)
        return code


def start_failure_code(message: str) -> int:
    """Return `docker run`'s exit code for a daemon's refusal to start a container."""
    words = message.lower()
    return next((code for code, signs in START_FAILURE_CODES if any(sign in words for sign in signs)), 125)
