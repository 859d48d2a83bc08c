"""Running a program on a host from outside."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress

from weave_http.sandbox.cgroups import Cgroup
from weave_http.sandbox.init import PATH

_NSENTER = ("nsenter", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd", "--target")
# The shell joins the cgroups by its own builtin, then becomes nsenter: a cgroup namespace alone moves nobody.
_JOIN = 'n=$1; shift; while [ $n -gt 0 ]; do echo 0 >"$1"; shift; n=$((n-1)); done; exec "$@"'


def entered(pid: int, group: Cgroup, argv: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """Return the command that runs a program on a host.

    Args:
        pid: process 1 of the host.
        group: cgroup of the host.
        argv: program and arguments.
        environment: variables besides PATH and HOME; nothing of this process's own is handed on.
    """
    files = [str(path) for path in group.inner_procs_files() or group.procs_files()]
    values = {"PATH": PATH, "HOME": "/root"} | dict(environment)
    words = [f"{key}={value}" for key, value in values.items()]
    enter = [*_NSENTER, str(pid), "--", "/usr/bin/env", "-i", *words]
    return ["/bin/sh", "-c", _JOIN, "sh", str(len(files)), *files, *enter, *argv]


def pass_through(command: Sequence[str]) -> int:
    """Run a command with this process's own standard streams; return its exit code, 128 + N when signal N ended it."""
    with subprocess.Popen(command) as process:
        while True:
            with suppress(KeyboardInterrupt):  # the program has got it too, and decides what it means
                code = process.wait()
                return code if code >= 0 else 128 - code
