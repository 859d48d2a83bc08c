"""What a sandbox needs of the machine, each lack as one line that names the Debian package to install."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from weave_http import atomic
from weave_http.errors import SandboxError
from weave_http.sandbox.runtime import missing_here

_PLACES = ("usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin")
_ENGINE_PROGRAMS = {
    "dockerd": "docker.io",
    "containerd": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "sh": "dash",
    "setsid": "util-linux",
    "sleep": "coreutils",
}
_PODMAN_PROGRAMS = {
    "podman": "podman",
    "conmon": "conmon",
    "crun": "crun",
    "iptables": "iptables",
    "sh": "dash",
    "setsid": "util-linux",
    "sleep": "coreutils",
}
_MACHINE_PROGRAMS = {"ip": "iproute2", "nsenter": "util-linux", "rm": "coreutils", "sh": "dash"}
_NO_UPPER = frozenset({"overlay", "aufs", "nfs", "nfs4", "cifs", "vfat", "9p", "virtiofs", "squashfs"})
_NEEDED = ("CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_MKNOD", "CAP_KILL")


def find_program(root: Path, name: str) -> str:
    """Return the path of a program within a root file system, or nothing."""
    for place in _PLACES:
        if os.access(root / place / name, os.X_OK) or (root / place / name).is_symlink():
            return f"/{place}/{name}"
    return ""


def engine_root_missing(root: Path) -> list[str]:
    """Say what keeps a directory from serving as an engine root: one line each, none when it is good.

    Args:
        root: a root file system, as `/` or one made by `mmdebstrap --include=docker.io,… SUITE DIR`; it may have
            Podman instead of Docker.
    """
    if not root.is_absolute() or not root.is_dir():
        return [f"{root} is not the absolute path of a directory"]
    if any(character in str(root) for character in ":,\\"):
        return [f"{root} has a colon, comma or backslash in its path, which an overlay cannot take"]
    podman = find_program(root, "podman") and not find_program(root, "dockerd")
    missing = [
        f"no {program} in {root}: install the Debian package {package} there"
        for program, package in (_PODMAN_PROGRAMS if podman else _ENGINE_PROGRAMS).items()
        if not find_program(root, program)
    ]
    device = root.stat().st_dev
    missing += [
        f"{root / name} is a file system of its own, which an overlay over {root} does not show"
        for name in ("usr", "etc", "var")
        if (root / name).is_dir() and (root / name).stat().st_dev != device
    ]
    return missing


def require_root() -> None:
    """Raise a SandboxError unless this process may manage hosts at all."""
    if sys.platform != "linux":
        raise SandboxError("a sandbox needs Linux", hint="point DOCKER_HOST at a Docker host instead")
    if os.geteuid() != 0:
        raise SandboxError("a sandbox needs root", hint="run it with sudo")


def require_machine(engine_root: Path) -> None:
    """Raise a SandboxError for the first thing that hosts need and this machine does not have."""
    require_root()
    for program, package in _MACHINE_PROGRAMS.items():
        if not shutil.which(program):
            raise SandboxError(f"no {program} on this machine", hint=f"apt-get install {package}")
    if lacking := [name for name in _NEEDED if name in missing_here()]:
        raise SandboxError(f"root lacks {' '.join(lacking)} here", hint="run it outside of a container")
    if problems := engine_root_missing(engine_root):
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise SandboxError(problems[0] + more)
    for kind in ("overlay", "cgroup"):
        if not _has_filesystem(kind):
            raise SandboxError(f"this kernel has no {kind} file system", hint=f"try modprobe {kind}")
    if not find_spec("cryptography"):
        raise SandboxError("no Python package cryptography", hint=f"{sys.executable} -m pip install cryptography")


def require_state_directory(directory: Path) -> None:
    """Raise a SandboxError when the state directory cannot hold hosts."""
    socket = directory / "hosts" / "host999" / "share" / "docker.sock"
    if len(os.fsencode(socket)) > 107:
        raise SandboxError(f"{directory} is too long a path for unix sockets in it", hint="choose a shorter one")
    kind = filesystem_of(directory, Path("/proc/self/mountinfo").read_text(encoding="utf-8"))
    if kind in _NO_UPPER:
        raise SandboxError(f"{directory} is on {kind}, which holds no engine's data", hint="choose another directory")
    if directory.is_dir() and os.listdir(directory) and not (directory / "sandbox.json").exists():
        unfinished = atomic.leftovers(directory / "sandbox.json")
        foreign = [path.name for path in directory.iterdir() if path not in unfinished]
        if foreign:
            raise SandboxError(f"{directory} holds other things ({foreign[0]})", hint="choose an empty directory")


def filesystem_of(path: Path, mountinfo: str) -> str:
    """Return the type of the file system that a path is on.

    Args:
        path: absolute, existing or not.
        mountinfo: text of /proc/self/mountinfo.
    """
    best = (Path("/"), "")
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        mountpoint = Path(left.split()[4])
        if path.is_relative_to(mountpoint) and len(mountpoint.parts) >= len(best[0].parts):
            best = (mountpoint, right.split()[0])
    return best[1]


def _has_filesystem(kind: str) -> bool:
    def known() -> bool:
        lines = Path("/proc/filesystems").read_text(encoding="ascii").splitlines()
        return any(line.split()[-1].startswith(kind) for line in lines)

    if not known() and (modprobe := shutil.which("modprobe")):
        subprocess.run([modprobe, "-q", kind], check=False, capture_output=True)
    return known()
