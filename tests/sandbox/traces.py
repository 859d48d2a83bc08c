"""Finding what a sandbox left on the machine."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from weave_http.sandbox import Sandbox


def of(sandbox: Sandbox) -> list[str]:
    """Name everything on this machine that belongs to a sandbox: processes, namespaces, links, cgroups, files."""
    name, state = sandbox.name, sandbox.state_dir
    found = [f"netns {entry}" for entry in _listed("/run/netns") if entry.startswith(f"{name}-")]
    found += [f"link {entry}" for entry in _listed("/sys/class/net") if entry.startswith(f"{name}-")]
    found += [f"cgroup {path}" for path in Path("/sys/fs/cgroup").glob(f"*/weave-sandbox-{name}")]
    found += [f"file {path}" for path in [state] if path.exists()]
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    found += [f"mount {line.split()[4]}" for line in mounts if str(state) in line or f"/{name}-" in line]
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            words = (process / "cmdline").read_text(encoding="utf-8", errors="replace")
            ours = f"weave-sandbox-{name}/" in (process / "cgroup").read_text(encoding="utf-8")
            dead = (process / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0] == "Z"
            if not dead and (ours or (str(state) in words and int(process.name) != os.getpid())):
                found.append(f"process {process.name} {words!r}")
    return found


def _listed(directory: str) -> list[str]:
    return os.listdir(directory) if os.path.isdir(directory) else []
