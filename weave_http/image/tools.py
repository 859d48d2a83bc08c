"""Running the few programs that building an image needs: apt-get, dpkg-deb, pip and the image's own Python."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

from weave_http.errors import WeaveError


def run(
    command: Sequence[str], *, what: str, hint: str = "", env: Mapping[str, str] | None = None, seconds: float = 600
) -> bytes:
    """Run a program and return its standard output.

    Args:
        command: program and arguments; no shell is involved.
        what: what is being done, for the error's line.
        hint: what to do when it fails.
        env: variables set besides the inherited ones.
        seconds: how long it may take.

    Raises:
        WeaveError: it is not there, failed, or took longer; with the last line it said that names an error.
    """
    try:
        done = subprocess.run(
            command,
            check=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=seconds,
            env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})},
        )
    except FileNotFoundError:
        raise WeaveError(f"{what}: {command[0]} is not installed", hint=hint) from None
    except subprocess.TimeoutExpired:
        raise WeaveError(f"{what}: {command[0]} took more than {seconds:.0f} s", hint=hint) from None
    except subprocess.CalledProcessError as error:
        raise WeaveError(
            f"{what}: {reason((error.stderr or error.stdout).decode(errors='replace'))}", hint=hint
        ) from None
    return done.stdout


def reason(said: str) -> str:
    """Return why a program failed, from its standard error: the first line marked as an error, or the last line."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    marked = [line for line in lines if line.startswith(("E:", "ERROR:", "error:", "dpkg-deb: error"))]
    line = (marked or lines[-1:] or ["it failed without a word"])[0]
    return line.removeprefix("E:").removeprefix("ERROR:").strip().rstrip(".")
