"""Perform an operation on a Docker host: by the resident executor, or by one of its own.

Both ways have the same effect, the same output and the same exit code. What only the caller's side can do is done here.
"""

from __future__ import annotations

from weave_http.commands.caller import Caller
from weave_http.operations.operation import Operation
from weave_http.operations.outcome import Outcome
from weave_http.records import replace


def perform(caller: Caller, operation: Operation) -> Outcome:
    """Have a Docker host do an operation.

    What it writes goes to the caller's streams as it comes, and is in the outcome. The streams of a container in the
    foreground are in no outcome: they may be endless.

    Args:
        caller: engine, streams and environment.
        operation: as `Attach(…)`, or of `weave_http.operations.parse`.

    Raises:
        EngineError: the daemon refused a call or can't be reached.
        Interrupted: a signal came before the operation was under way.
        WeaveError: it can't be done like this.
    """
    if operation.name == "run":
        from weave_http.commands.run import run

        return run(caller, operation)
    said: list[tuple[int, bytes]] = []
    return Outcome(_code(caller.overheard(said), operation), tuple(said))


def _code(caller: Caller, operation: Operation) -> int:
    """Perform an operation and return its exit code."""
    match operation.name:
        case "version":
            from weave_http import __version__

            caller.say(f"weave script {__version__}")
        case "env" if getattr(operation, "restore", False):
            from weave_http.commands.env import restore

            return restore(caller)
        case "env" | "config":
            from weave_http.commands.env import translate

            return translate(caller, operation.name, lambda asking: _on_host(asking, operation))
        case "launch" | "password":
            from weave_http.commands.passwords import given, warning

            if (password := given(operation)) is not None:
                # A command line is for everyone on the host to see.
                caller = replace(caller, environ={**caller.environ, "WEAVE_PASSWORD": password})
            if caller.environ.get("WEAVE_PASSWORD") and (line := warning(caller.endpoint)):
                caller.note(line)
    return _on_host(caller, operation)


def _on_host(caller: Caller, operation: Operation) -> int:
    """Have the host's side do an operation, and return its exit code."""
    words = operation.words()
    if operation.goes_warm and not caller.cold:
        from weave_http.commands.warm import execute_warm

        code = execute_warm(caller, words)
        if code is not None:
            return code
    from weave_http.commands.executor import execute

    return execute(caller, words)
