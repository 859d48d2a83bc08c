"""Runs a command by Typer: its help, completion, commands that are no operations, and words that make none."""

from __future__ import annotations

import re
from collections.abc import Sequence

import typer

from weave_http.cli.app import app
from weave_http.cli.docker_options import advice
from weave_http.cli.index import COMMANDS
from weave_http.errors import UsageError


def run(words: Sequence[str]) -> int:
    """Run a command and return its exit code.

    Args:
        words: what follows `weave`.

    Raises:
        UsageError: they make no command.
        KeyboardInterrupt: somebody pressed Ctrl-C.
    """
    try:
        return int(app(list(words), prog_name="weave", standalone_mode=False) or 0)
    except typer.Exit as exit_:
        return exit_.exit_code
    except typer.Abort as error:
        raise KeyboardInterrupt from error
    except typer.TyperException as error:
        message = error.format_message()
        if message.startswith("Usage: "):  # a group of commands that is named alone has its whole help as its message
            typer.echo(message, err=True)
            return 1
        raise _wrong(error, message, words) from error


_OURS = (
    (r"No such option: (.+)", r"unknown option '\1'", ""),
    (r"No such command '(.+)'", r"unknown command '\1'", ""),
    (r"Got unexpected extra arguments? ?\(s?\)? ?\((\S+).*\)", r"unexpected argument '\1'", ""),
    (r"Option '(.+)' requires an argument", r"option '\1' needs a value", ""),
    (r"Invalid value for '(.+)': (.+) is not in the range (.+)<=x<=(.+)", r"invalid \1 '\2'", r"expected \3 to \4"),
    (r"Invalid value for '(.+)': '(.*)' is not a valid int.*", r"invalid \1 '\2'", "expected a number"),
    (r"Invalid value for '.+': '(.*)' is not one of (.+)", r"unknown value '\1'", r"expected one of \2"),
)
"""Typer's messages, and what the same mistake in the words of an operation is called: message and hint."""


def _wrong(error: typer.TyperException, message: str, words: Sequence[str]) -> UsageError:
    """Return what to say of words that Typer can't read, and where help is."""
    message = " ".join(message.split()).rstrip(".")
    for pattern, ours, then in _OURS:
        if found := re.fullmatch(pattern, message):
            message, hint = found.expand(ours), found.expand(then)
            break
    else:
        hint = ""
    context = getattr(error, "ctx", None)
    own = next((word for word in words if word in COMMANDS), "")
    command = context.command_path if context is not None else f"weave {own}".rstrip()
    message = f"{message[:1].lower()}{message[1:]}"
    return UsageError(message, hint=hint or advice(message, command))
