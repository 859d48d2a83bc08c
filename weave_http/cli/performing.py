"""From the words of an operation to what is done: the same for a plain command and for Typer's."""

from __future__ import annotations

from collections.abc import Sequence

from weave_http.errors import UsageError
from weave_http.hints import TYPE_CHECKING

if TYPE_CHECKING:
    from weave_http.cli.options import Globals
    from weave_http.operations.operation import Operation

HELP = "--help"


def asks_for_help(operation: type[Operation], words: Sequence[str]) -> bool:
    """Tell whether `--help` is among the options of an operation: not behind `--`, nor among docker run's."""
    for word in words:
        if word == "--" or (operation.verbatim and not word.startswith("-")):
            return False
        if word == HELP:
            return True
    return False


def parse(operation: type[Operation], name: str, words: Sequence[str]) -> Operation:
    """Return the operation that words make.

    Args:
        operation: its class.
        name: as it was typed.
        words: that follow the name.

    Raises:
        UsageError: they make none; it says where help is.
    """
    try:
        # The name of one that is gone is part of its words.
        return operation.parse(words if operation.name else [name, *words])
    except UsageError as error:
        from weave_http.cli.docker_options import advice

        raise UsageError(error.message, hint=error.hint or advice(error.message, f"weave {name}")) from error


def perform(options: Globals, operation: Operation) -> int:
    """Have the Docker host, or all that are chosen, do an operation, with this process's streams; return the exit code.

    Raises:
        WeaveError: see `weave_http.commands.perform`.
    """
    several = options.selection is not None or getattr(operation, "on", None) or getattr(operation, "spread", None)
    if several and options.stage is None:
        from weave_http.cli.fleet import perform_chosen

        return perform_chosen(options, operation)
    from weave_http.cli.session import session
    from weave_http.commands.perform import perform as performed

    with session(options) as caller:
        if not getattr(operation, "json", False):
            return performed(caller, operation).code
        from weave_http.cli.failures import HostNamed
        from weave_http.records import replace

        named = HostNamed(caller.stderr, caller.endpoint.url)
        code = performed(replace(caller, stderr=named), operation).code
        named.end()
        return code


def plain(rest: Sequence[str]) -> Operation | None:
    """Return the operation that words make if they are nothing but one: then there is no need of Typer.

    Args:
        rest: the command's name and its words.

    Raises:
        UsageError: there is such an operation, and its words make no sense.
    """
    from weave_http.cli.index import COMMANDS
    from weave_http.operations import find

    if not rest or rest[0] in COMMANDS or rest[0] == "help":
        return None
    operation = find(rest[0])
    if operation is None or asks_for_help(operation, rest[1:]):
        return None
    return parse(operation, rest[0], rest[1:])
