"""Runs a typed command and returns its exit code; every failure ends as one line on stderr."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Sequence

from weave_http.cli import failures
from weave_http.errors import ExitCode, WeaveError
from weave_http.sinks import PatientFile

_COMPLETES = "_WEAVE_COMPLETE"
"""The variable by which a shell asks Typer to complete a line."""


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
        code = _run(words)
        sys.stdout.flush()
    except WeaveError as error:
        return failures.report(error, words)
    except BrokenPipeError:
        _drop_output()
        return 128 + signal.SIGPIPE
    except (Exception, KeyboardInterrupt) as error:
        if isinstance(error, OSError):
            _drop_output()
        return failures.report(failures.as_ours(error, os.environ), words)
    return code if argv else ExitCode.FAILURE


def _run(words: Sequence[str]) -> int:
    """Run a command.

    One that is an operation's words and nothing else, and the help of all, need no Typer, which takes longer to load.
    """
    if _COMPLETES not in os.environ:
        from weave_http.cli import performing
        from weave_http.cli.docker_options import read

        options, rest = read(words)
        if rest[:1] == [performing.HELP] or rest == ["help"]:
            from weave_http.cli.help import page

            print(page(), end="")
            return ExitCode.OK
        operation = performing.plain(rest)
        if operation is not None:
            return performing.perform(options, operation)
    from weave_http.cli.by_typer import run

    return run(words)


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
