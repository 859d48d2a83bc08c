"""The machine's processes: programs run to their end, with one line for what went wrong; who is who by its start.

`image/tools.py` runs programs too, but otherwise: there Ctrl-C ends them, and the line that tells why is picked
from what apt and pip print. Here they outlive Ctrl-C and hold the sandbox's lock.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from weave_http.errors import SandboxError

SECONDS = 60.0
_held: set[int] = set()


@contextmanager
def held(fd: int) -> Iterator[None]:
    """Let programs that are started from now on keep a lock's descriptor open too.

    A program outlives a parent that is killed, by some milliseconds. Until it is done too, whoever comes to clean up
    must not believe that nothing more is being made.
    """
    _held.add(fd)
    try:
        yield
    finally:
        _held.discard(fd)


def run(argv: Sequence[str], *, stdin: str = "") -> str:
    """Run a program to its end and return its output. Ctrl-C on the terminal does not reach it.

    Args:
        argv: program and arguments.
        stdin: text for its standard input.

    Raises:
        SandboxError: it is missing, fails, or takes longer than `SECONDS`.
    """
    try:
        done = subprocess.run(
            argv,
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
            process_group=0,
            pass_fds=tuple(_held),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SandboxError(f"cannot run {argv[0]}: {error}") from error
    if done.returncode != 0:
        words = " ".join((done.stderr or done.stdout).split()) or f"exit code {done.returncode}"
        raise SandboxError(f"{' '.join(argv)}: {words}")
    return done.stdout


def start_time(pid: int) -> int:
    """Return when a process started, in clock ticks since boot, or -1 when there is none (proc_pid_stat(5))."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return -1
    state, *fields = text.rpartition(")")[2].split()
    return -1 if state in "ZX" else int(fields[18])
