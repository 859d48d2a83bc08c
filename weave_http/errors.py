"""Every failure that a user can cause, as one line and an exit code.

The tree (engine errors are in `weave_http.engine.errors`)::

    WeaveError                 exit 1: what failed, where, and what to do
    ├── UsageError             exit 1: the words typed make no command
    ├── EngineError            exit 125, as docker's own: the daemon, or the way to it
    ├── HostError              exit 1: something on the Docker host (a device, an address, a rule)
    └── SandboxError           exit 1: hosts on this machine

A command ends with `ExitCode` or the executor's own exit code; no traceback reaches a user.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from weave_http.printable import printable


class ExitCode(IntEnum):
    """Exit codes of `weave`; any other one is the executor's or the container's own."""

    OK = 0
    FAILURE = 1
    ENGINE = 125
    INTERRUPTED = 130


class WeaveError(Exception):
    """A failure with one line for the user.

    Args:
        message: one line without a full stop: what failed, and where. What a terminal would act on is written out.
        hint: what to do about it, or empty. Printed on the same line, after a semicolon.

    Attributes:
        host: the Docker host that it is about, as its address; empty where that is not known.
    """

    exit_code: int = ExitCode.FAILURE.value
    host: str = ""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = printable(message)
        self.hint = printable(hint)

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class UsageError(WeaveError):
    """The arguments make no command."""


class EngineError(WeaveError):
    """The Docker daemon refused, failed, or could not be reached."""

    exit_code = ExitCode.ENGINE.value


class HostError(WeaveError):
    """A step on the Docker host failed; the message names the container, device or address."""


class SandboxError(WeaveError):
    """Docker hosts on this machine could not be set up, entered or removed."""


def error_line(error: WeaveError, *, as_json: bool = False) -> str:
    """Return the line that a failure is: `weave: what, where; what to do`, or the same as a JSON object.

    The object has `error` (what, where), `hint` (what to do, or empty), `code` (the exit code), and `host` (the address
    of the Docker host) where that is known.

    Args:
        error: the failure.
        as_json: for programs.
    """
    if not as_json:
        return f"weave: {error}"
    import json

    fields = {"error": error.message, "hint": error.hint, "code": int(error.exit_code), "host": error.host}
    return json.dumps({key: value for key, value in fields.items() if key != "host" or value}, ensure_ascii=False)


def own_fault(error: Exception, environ: Mapping[str, str]) -> str:
    """Return what to say of an exception that nobody foresaw; with `$WEAVE_DEBUG` also where it comes from.

    Args:
        error: the exception, as it was caught.
        environ: environment variables.
    """
    said = printable(" ".join(f"{type(error).__name__}: {error}".split()))
    if not environ.get("WEAVE_DEBUG"):
        return f"unexpected {said}; this is a fault of weave's own: please report it, with what WEAVE_DEBUG=1 shows"
    import traceback

    return "unexpected " + "".join(traceback.format_exception(error)).rstrip("\n")
