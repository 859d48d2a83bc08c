"""Runs a command by Typer: help, completion, the commands that are no operations, and words that make none."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from weave_http.cli.app import app
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
        message = error.format_message().rstrip(".")
        if message.startswith("Usage: "):  # a group of commands that is named alone has its whole help as its message
            typer.echo(message, err=True)
            return 1
        raise _wrong(error, message, words) from error


def _wrong(error: typer.TyperException, message: str, words: Sequence[str]) -> UsageError:
    """Return what to say of words that Typer can't read, and where help is."""
    message = " ".join(message.split())
    context = getattr(error, "ctx", None)
    own = next((word for word in words if word in COMMANDS), "")
    command = context.command_path if context is not None else f"weave {own}".rstrip()
    return UsageError(f"{message[:1].lower()}{message[1:]}", hint=f"see `{command} --help`")
