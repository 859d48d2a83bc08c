"""From the words typed to an exit code; every failure ends as one line on stderr."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

import typer

from weave_http.cli.app import app_for
from weave_http.errors import ExitCode, WeaveError, own_fault


def main(argv: Sequence[str]) -> int:
    """Run a command of the caller's side.

    Args:
        argv: the words after `weave`.

    Returns:
        The exit code: the executor's own where one ran, else that of `weave_http.errors`.
    """
    _open_standard_streams()
    try:
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        words = list(argv) or ["--help"]
        result = app_for(words)(words, prog_name="weave", standalone_mode=False)
        sys.stdout.flush()
    except WeaveError as error:
        print(f"weave: {error}", file=sys.stderr)
        return error.exit_code
    except typer.Exit as exit_:
        return exit_.exit_code
    except (typer.Abort, KeyboardInterrupt):
        print("weave: interrupted", file=sys.stderr)
        return ExitCode.INTERRUPTED
    except typer.TyperException as error:
        message = error.format_message().rstrip(".")
        # A group of commands that is named alone has its whole help as its message.
        print(message if "\n" in message else f"weave: {message}; see `weave --help`", file=sys.stderr)
        return ExitCode.FAILURE
    except BrokenPipeError:
        _drop_output()
        return 128 + signal.SIGPIPE
    except OSError as error:
        _drop_output()
        what = f"{error.filename}: " if error.filename else ""
        print(f"weave: {what}{error.strerror or error}", file=sys.stderr)
        return ExitCode.FAILURE
    except Exception as error:
        print(f"weave: {own_fault(error, os.environ)}", file=sys.stderr)
        return ExitCode.FAILURE
    return int(result or 0) if argv else ExitCode.FAILURE


def _open_standard_streams() -> None:
    """Give streams that were closed (`>&-`) a place to go: their numbers would fall to the next socket."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            if descriptor != number:
                os.dup2(descriptor, number)
                os.close(descriptor)
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115 - as long as the process


def _drop_output() -> None:
    """Let what is still buffered go nowhere, so that Python's end does not stumble over it again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
