"""The password that goes with an operation, from where the caller has it: its words, a file of his, or stdin."""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path

from weave_http.addresses import is_this_machine
from weave_http.engine import Endpoint
from weave_http.errors import UsageError
from weave_http.operations import passwords
from weave_http.operations.operation import Operation

STDIN = "-"


def given(operation: Operation) -> str | None:
    """Return the password that goes with an operation; None if none was given with it.

    Raises:
        UsageError: its file can't be read, or has none in it.
    """
    path = getattr(operation, "password_file", None)
    if path == STDIN:
        return _from_stdin()
    if path is not None:
        try:
            return passwords.first_line(Path(path).read_bytes(), path)
        except OSError as error:
            raise UsageError(f"can't read the password in {path}: {error.strerror}") from error
    password: str | None = getattr(operation, "password", None)
    return password


def warning(endpoint: Endpoint) -> str:
    """Return a line for who sends a password where it can be read on its way; empty if it can't.

    Args:
        endpoint: of the daemon that it goes to.
    """
    if endpoint.scheme != "tcp" or endpoint.tls is not None or is_this_machine(endpoint.host):
        return ""
    return f"WARNING: the password goes to {endpoint.url} without TLS, and can be read on its way; take TLS or ssh://"


@lru_cache(maxsize=1)
def _from_stdin() -> str:
    """Return the password that stdin has: read once, however many hosts it is for."""
    return passwords.first_line(sys.stdin.buffer.read(), "stdin")
