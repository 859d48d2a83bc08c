"""The executor: `weave --local COMMAND …`, run as root on the Docker host, in a throw-away container.

Its contract is narrow, so that something that stays resident can serve it too: words and environment in; output,
messages and exit code out. Only `main` knows of processes and signals.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TextIO

from weave_http.errors import ExitCode, UsageError, WeaveError, own_fault
from weave_http.local import interrupts

__all__ = ["execute", "main"]


def main(argv: Sequence[str]) -> int:
    """Run one command with this process's environment and streams; return its exit code."""
    try:
        interrupts.listen()
        code = execute(argv, os.environ, sys.stdout, sys.stderr)
        interrupts.ignore()
    except interrupts.Interrupted as interruption:
        return interruption.exit_code
    return code


def execute(argv: Sequence[str], env: Mapping[str, str], stdout: TextIO, stderr: TextIO) -> int:
    """Run one command and return its exit code; failures become one line on `stderr`.

    Args:
        argv: command and its arguments.
        env: `PROCFS`, `WEAVE_…`; the process's own environment is not looked at.
        stdout: for what was asked for.
        stderr: for what went wrong.
    """
    from weave_http.host.host import Host
    from weave_http.local.commands import expected, run

    host = Host(env, stdout, stderr)
    try:
        return run(host, argv)
    except UsageError as error:
        stderr.write(f"{error}; {expected(argv)}\n")
    except WeaveError as error:
        stderr.write(f"{error}\n")
        return error.exit_code
    except Exception as error:
        stderr.write(f"{own_fault(error, env)}\n")
    finally:
        host.close()
        stdout.flush()
        stderr.flush()
    return ExitCode.FAILURE
