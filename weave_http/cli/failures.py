"""How a failure is written: a line for people, or a JSON object where `--format json` asks for one."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from weave_http.errors import ExitCode, UsageError, WeaveError, error_line, own_fault
from weave_http.hints import Any
from weave_http.sinks import Sink, write_all


class Interrupted(WeaveError):
    """Ctrl-C."""

    exit_code = ExitCode.INTERRUPTED.value


def wants_json(words: Sequence[str]) -> bool:
    """Tell whether a command, as it was typed, asks for JSON.

    Args:
        words: what follows `weave`; they need not make sense.
    """
    from weave_http.cli.docker_options import read
    from weave_http.operations import asks_for_json

    try:
        _, rest = read(words)
    except UsageError:  # in which case the command's name is not far
        rest = [word for word in words if not word.startswith("-") or word.startswith("--format")]
    return asks_for_json(rest)


def report(error: WeaveError, words: Sequence[str]) -> int:
    """Write what failed on stderr, as the words ask for it; return the exit code."""
    print(error_line(error, as_json=wants_json(words)), file=sys.stderr)
    return error.exit_code


def as_ours(error: BaseException, environ: Mapping[str, str]) -> WeaveError:
    """Return what to say of an exception that is none of ours.

    Args:
        error: as it was caught.
        environ: environment variables.
    """
    if isinstance(error, KeyboardInterrupt):
        return Interrupted("interrupted")
    if isinstance(error, OSError):
        what = f"{error.filename}: " if error.filename else ""
        return WeaveError(f"{what}{error.strerror or error}")
    return WeaveError(own_fault(error, environ) if isinstance(error, Exception) else str(error))


class HostNamed:
    """A sink for the executor's stderr when JSON is asked for: each failure in it gets the host's address.

    Other lines, as an image of another version writes them, pass as they are.

    Args:
        sink: where they go.
        host: the address.
    """

    def __init__(self, sink: Sink, host: str) -> None:
        self._sink = sink
        self._host = host
        self._line = b""

    def write(self, data: bytes) -> int:
        """Write the lines that are whole; keep the rest."""
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            write_all(self._sink, self._named(line) + b"\n")
        return len(data)

    def flush(self) -> None:
        """Do nothing: lines are flushed already."""

    def end(self) -> None:
        """Write a line that is not whole."""
        if self._line:
            write_all(self._sink, self._line)
            self._line = b""

    def _named(self, line: bytes) -> bytes:
        import json  # a start in which nothing fails, as that of the help, does without

        try:
            value: Any = json.loads(line) if line.startswith(b"{") else None
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict) or "error" not in value:
            return line
        return json.dumps(value | {"host": self._host}, ensure_ascii=False).encode()
