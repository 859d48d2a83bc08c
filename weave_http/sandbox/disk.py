"""A host's disk: an overlay over an engine root, with the host's own files in the upper layer.

The machine's own `/` may serve as the engine root. Then the host must not see what is the machine's private business
(home directories, foreign top-level directories, other engines' data): the upper layer hides it, by directories marked
opaque and by white-outs (https://docs.kernel.org/filesystems/overlayfs.html).
"""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from weave_http.errors import SandboxError
from weave_http.records import dataclass

SYSTEM = frozenset({"bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "etc", "var"})
"""Top-level directories without which no program runs."""
FRESH = ("proc", "sys", "dev", "run", "tmp")
"""Mounted anew in every host."""
EMPTY_TOP = ("root", "home", "srv", "opt", "mnt", "media")
EMPTY_PRIVATE = (
    "etc/ssl/private",
    "var/backups",
    "var/cache",
    "var/log",
    "var/mail",
    "var/spool",
    "var/tmp",
)
"""Emptied when the engine root is the machine's own `/`."""
EMPTY_ENGINE = ("etc/docker", "etc/containerd", "var/lib/docker", "var/lib/containerd", "var/lib/containers")
"""Emptied always: a host has its own engine data, engine identity (/etc/docker/key.json) and configuration."""
DATA = {"docker": "var/lib/docker", "containerd": "var/lib/containerd", "containers": "var/lib/containers"}
"""Directories of a host's folder bound over the overlay: overlay2 cannot sit on an overlay."""
SHARE = "run/weave-sandbox"
"""Where a host sees the folder that it shares with the machine: sockets and logs."""
MODES = {"tmp": 0o1777, "var/tmp": 0o1777, "root": 0o700, "etc/ssl/private": 0o700}


@dataclass(frozen=True, slots=True)
class Upper:
    """What the upper layer holds before the host's own files: paths relative to the root.

    Args:
        hidden: names that are not there at all.
        empty: directories of which nothing below is visible.
    """

    hidden: tuple[str, ...]
    empty: tuple[str, ...]


def plan_upper(top_level: list[str], *, is_machine: bool, state: str) -> Upper:
    """Decide what a host must not see of its engine root.

    Args:
        top_level: names in the engine root.
        is_machine: whether the engine root is the machine's own `/`.
        state: where the sandbox keeps its state, as an absolute path within the engine root, or empty. Looking at
            one's own upper layer through the overlay is an error (ELOOP), so it is hidden.
    """
    empty = [*FRESH, *EMPTY_ENGINE]
    if not is_machine:
        return Upper((), tuple(empty))
    empty += [name for name in EMPTY_TOP if name in top_level]
    empty += EMPTY_PRIVATE
    known = SYSTEM | set(empty)
    hidden = [name for name in sorted(top_level) if name not in known]
    inside = state.strip("/")
    seen = not any(f"{inside}/".startswith(f"{path}/") for path in [*empty, *hidden])
    return Upper((*hidden, inside) if inside and seen else tuple(hidden), tuple(empty))


def make(directory: Path, engine_root: Path, state_dir: Path) -> None:
    """Make the layers and data directories of a new host.

    Args:
        directory: the host's folder; gets `upper`, `work`, `root`, `share` and one for every item of `DATA`.
        engine_root: root file system with a Docker engine in it.
        state_dir: the sandbox's folder.

    Raises:
        SandboxError: the file system takes no overlay's upper layer, or cannot be written.
    """
    is_machine = engine_root == Path("/")
    upper = directory / "upper"
    try:
        for name in ("upper", "work", "root", "share", *DATA):
            (directory / name).mkdir(parents=True, exist_ok=True)
        upper.chmod(0o755)  # becomes the host's root directory, whatever the caller's umask is
        (directory / "share").chmod(0o700)
        planned = plan_upper(os.listdir(engine_root), is_machine=is_machine, state=str(state_dir))
        for path in planned.empty:
            present = engine_root / path
            if is_machine and path in EMPTY_PRIVATE and not present.is_dir():
                continue
            _merge_parents(upper, engine_root, path)
            target = upper / path
            target.mkdir(exist_ok=True)
            target.chmod(MODES.get(path, 0o755))
            os.setxattr(target, "trusted.overlay.opaque", b"y")
        for path in planned.hidden:
            if (engine_root / path).exists() or (engine_root / path).is_symlink():
                _merge_parents(upper, engine_root, path)
                os.mknod(upper / path, stat.S_IFCHR, os.makedev(0, 0))
    except OSError as error:
        raise SandboxError(f"cannot make a host's disk in {directory}: {error}") from error


def _merge_parents(upper: Path, lower: Path, path: str) -> None:
    """Make the parents of a path in the upper layer, looking like those of the lower one."""
    for parent in reversed(Path(path).parents[:-1]):
        target = upper / parent
        if not target.exists():
            target.mkdir(mode=0o755)
            source = lower / parent
            if source.is_dir():
                shutil.copymode(source, target)
                os.chown(target, source.stat().st_uid, source.stat().st_gid)


def write(directory: Path, engine_root: Path, files: dict[str, tuple[int, bytes]]) -> None:
    """Write files of a host that is not running.

    Args:
        directory: the host's folder.
        engine_root: as for `make`.
        files: path relative to the host's root → mode and content.
    """
    upper = directory / "upper"
    try:
        for path, (mode, content) in files.items():
            _merge_parents(upper, engine_root, path)
            target = upper / path
            target.unlink(missing_ok=True)
            fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(fd, "wb") as file:
                file.write(content)
                os.fchmod(file.fileno(), mode)
    except OSError as error:
        raise SandboxError(f"cannot write to a host's disk in {directory}: {error}") from error
