"""Runs a typed command and returns its exit code; every failure ends as one line on stderr."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Sequence

import typer

from weave_http.cli.app import FIRST, FURTHER, app
from weave_http.errors import ExitCode, WeaveError, own_fault
from weave_http.sinks import PatientFile


def main(argv: Sequence[str]) -> int:
    """Run a command of the caller's side.

    Args:
        argv: the words after `weave`.

    Returns:
        The exit code: the executor's own where one ran, else that of `weave_http.errors`.
    """
    _open_standard_streams()
    words = list(argv) or ["--help"]
    try:
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        result = app(words, prog_name="weave", standalone_mode=False)
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
        print(_usage(error, words), file=sys.stderr)
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


def _usage(error: typer.TyperException, words: Sequence[str]) -> str:
    """Return what to say of words that Typer can't read, and where help is."""
    message = error.format_message().rstrip(".")
    if message.startswith("Usage: "):  # a group of commands that is named alone has its whole help as its message
        return message
    message = " ".join(message.split())
    context = getattr(error, "ctx", None)
    own = next((word for word in words if word in (*FIRST, *FURTHER)), "")
    command = context.command_path if context is not None else f"weave {own}".rstrip()
    return f"weave: {message[:1].lower()}{message[1:]}; see `{command} --help`"


def _open_standard_streams() -> None:
    """Make the standard streams fit to be written to.

    Those that were closed (`>&-`) get a place to go: their numbers would fall to the next socket. Those of this process
    write every byte, also where nobody buffers, or whoever left the descriptor not blocking; and every character.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            if descriptor != number:
                os.dup2(descriptor, number)
                os.close(descriptor)
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115 - as long as the process
        elif mode == "w" and stream is getattr(sys, f"__{name}__") and stream.fileno() == number:
            setattr(
                sys,
                name,
                io.TextIOWrapper(
                    io.BufferedWriter(PatientFile(number)),
                    encoding=stream.encoding,
                    errors="backslashreplace",
                    line_buffering=stream.line_buffering or number == 2,
                ),
            )


def _drop_output() -> None:
    """Let what is still buffered go nowhere, so that Python's end does not stumble over it again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
