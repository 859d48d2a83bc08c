"""Control groups of the hosts: where the machine mounts them, how a host joins, how its processes are found.

A host's cgroup is also its inventory: every process of a host is in it, whatever became of the command that
started it, so ending a host means ending what is in its cgroup.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from weave_http.errors import SandboxError
from weave_http.records import dataclass

BUSY_SECONDS = 30.0
"""How long the kernel may take to let go of the processes of a cgroup."""


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """One mounted cgroup hierarchy.

    Args:
        mountpoint: where the machine has it.
        version: 1 or 2.
        options: mount options that name a version 1 hierarchy, as `cpu,cpuacct` or `none,name=systemd`.
    """

    mountpoint: Path
    version: int
    options: str = ""


def parse_mountinfo(text: str) -> list[Hierarchy]:
    """Return the cgroup hierarchies in the text of /proc/self/mountinfo (see proc(5))."""
    found: dict[Path, Hierarchy] = {}
    for line in text.splitlines():
        left, _, right = line.partition(" - ")
        kind, _, superblock = right.partition(" ")
        mountpoint = Path(left.split()[4])
        if kind not in {"cgroup", "cgroup2"} or not mountpoint.is_relative_to("/sys/fs/cgroup"):
            continue
        if kind == "cgroup2":
            found[mountpoint] = Hierarchy(mountpoint, 2)
            continue
        words = [word for word in superblock.split()[-1].split(",") if word not in {"rw", "ro", "xattr"}]
        words = [word for word in words if "=" not in word or word.startswith("name=")]
        options = ",".join(words)
        found[mountpoint] = Hierarchy(mountpoint, 1, f"none,{options}" if options.startswith("name=") else options)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Cgroups:
    """The machine's hierarchies."""

    hierarchies: tuple[Hierarchy, ...]

    @classmethod
    def of_machine(cls) -> Cgroups:
        """Return what is mounted below /sys/fs/cgroup; a SandboxError when that is nothing."""
        found = tuple(parse_mountinfo(Path("/proc/self/mountinfo").read_text(encoding="utf-8")))
        if not found:
            raise SandboxError("no cgroups below /sys/fs/cgroup", hint="mount them, as cgroupfs-mount does")
        return cls(found)

    @property
    def unified(self) -> bool:
        """Whether the machine has version 2 alone; version 2 beside version 1 carries no controllers."""
        return all(hierarchy.version == 2 for hierarchy in self.hierarchies)

    def mounts(self) -> tuple[list[dict[str, str]], dict[str, str]]:
        """Return what a host mounts under /sys/fs/cgroup: mounts in order, and symbolic links."""
        top = "/sys/fs/cgroup"
        if self.unified:
            return [{"kind": "cgroup2", "target": top, "options": ""}], {}
        mounts = [{"kind": "tmpfs", "target": top, "options": "mode=755"}]
        links: dict[str, str] = {}
        for hierarchy in self.hierarchies:
            if hierarchy.version == 1:
                name = hierarchy.mountpoint.name
                mounts.append({"kind": "cgroup", "target": f"{top}/{name}", "options": hierarchy.options})
                links |= {f"{top}/{word}": name for word in hierarchy.options.split(",") if "," in name}
        return mounts, links

    def group(self, *parts: str) -> Cgroup:
        return Cgroup(self, parts)


@dataclass(frozen=True, slots=True)
class Cgroup:
    """One cgroup, the same path in every hierarchy.

    Args:
        cgroups: the hierarchies.
        parts: path below their roots.
    """

    cgroups: Cgroups
    parts: tuple[str, ...]

    def directories(self) -> list[Path]:
        return [hierarchy.mountpoint.joinpath(*self.parts) for hierarchy in self.cgroups.hierarchies]

    def exists(self) -> bool:
        return any(directory.is_dir() for directory in self.directories())

    def make(self) -> None:
        """Create the cgroup and its parents, with every controller that the machine hands out.

        Raises:
            SandboxError: the kernel refuses.
        """
        try:
            for hierarchy in self.cgroups.hierarchies:
                directory = hierarchy.mountpoint
                for part in self.parts:
                    if hierarchy.version == 2:
                        _delegate(directory)
                    parent, directory = directory, directory / part
                    directory.mkdir(exist_ok=True)
                    if (directory / "cpuset.cpus").exists() and hierarchy.version == 1:
                        _copy_cpuset(parent, directory)
            if self.cgroups.unified:
                self._inner().mkdir(exist_ok=True)
        except OSError as error:
            raise SandboxError(f"cannot make cgroup {'/'.join(self.parts)}: {error}") from error

    def _inner(self) -> Path:
        # Version 2 lets a cgroup have either processes or children with controllers: the host's own processes
        # live beside those of its containers.
        return self.directories()[0] / "init"

    def procs_files(self) -> list[Path]:
        """Return the files into which a process writes 0 to join, before it unshares its cgroup namespace."""
        return [directory / "cgroup.procs" for directory in self.directories() if directory.is_dir()]

    def inner_procs_files(self) -> list[Path]:
        """Return the files to write into after that."""
        return [self._inner() / "cgroup.procs"] if self.cgroups.unified else []

    def own_processes(self) -> set[int]:
        """Return the process ids of the host itself, without those of its containers."""
        files = self.inner_procs_files() or self.procs_files()
        return set().union(*(_pids(file) for file in files))

    def all_processes(self) -> set[int]:
        """Return the process ids in the cgroup and below."""
        pids: set[int] = set()
        for directory in self.directories():
            for path, _, _ in os.walk(directory):
                pids |= _pids(Path(path) / "cgroup.procs")
        return pids

    def holds(self, pid: int) -> bool:
        """Tell whether a process is in the cgroup or below."""
        try:
            text = Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8")
        except (FileNotFoundError, ProcessLookupError):
            return False
        own = "/" + "/".join(self.parts)
        paths = [line.split(":", 2)[2] for line in text.splitlines()]
        return any(path == own or path.startswith(f"{own}/") for path in paths)

    def kill(self) -> None:
        """End every process in the cgroup, and return when none is left.

        Raises:
            SandboxError: a process does not end in time.
        """
        deadline = time.monotonic() + BUSY_SECONDS
        with ExitStack() as held:
            dying: dict[int, int] = {}
            while pids := self.all_processes():
                for pid in pids - dying.keys():
                    if (fd := self._kill_one(pid, held)) is not None:
                        dying[pid] = fd
                if time.monotonic() > deadline:
                    raise SandboxError(f"processes of {'/'.join(self.parts)} do not end: {sorted(pids)}")
                time.sleep(0.005)
            # A cgroup lets go of a process before that has ended altogether.
            for fd in dying.values():
                wait_for_end(fd, deadline - time.monotonic())

    def _kill_one(self, pid: int, held: ExitStack) -> int | None:
        # The number may belong to someone else by now: hold the process first, then look again.
        with suppress(ProcessLookupError):
            fd = os.pidfd_open(pid)
            held.callback(os.close, fd)
            if self.holds(pid):
                signal.pidfd_send_signal(fd, signal.SIGKILL)
                return fd
        return None

    def remove(self) -> None:
        """Remove the cgroup and all below it.

        Raises:
            SandboxError: the kernel holds on to it (EBUSY lasts some milliseconds after the last process ended).
        """
        deadline = time.monotonic() + BUSY_SECONDS
        for directory in self.directories():
            while directory.is_dir():
                error = _rmdir_tree(directory)
                if error is None:
                    break
                if time.monotonic() > deadline:
                    raise SandboxError(f"cannot remove cgroup {directory}: {error.strerror}")
                time.sleep(0.005)


def children(groups: Sequence[Path]) -> Iterator[str]:
    """Return the names of the cgroups directly below some directories."""
    for directory in groups:
        if directory.is_dir():
            yield from (entry.name for entry in directory.iterdir() if entry.is_dir())


def wait_for_end(pidfd: int, seconds: float) -> bool:
    """Wait until a process has ended; return whether it has."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(max(0.0, seconds) * 1000))


def _rmdir_tree(top: Path) -> OSError | None:
    last: OSError | None = None
    for path, _, _ in os.walk(top, topdown=False):
        try:
            os.rmdir(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            last = error
    return last


def _pids(procs: Path) -> set[int]:
    try:
        return {int(word) for word in procs.read_text(encoding="ascii").split()} - {0}
    except (FileNotFoundError, OSError):
        return set()


def _delegate(directory: Path) -> None:
    enabled = (directory / "cgroup.subtree_control").read_text(encoding="ascii").split()
    for controller in (directory / "cgroup.controllers").read_text(encoding="ascii").split():
        if controller not in enabled:
            # One that cannot be handed down (cpu with real-time processes) does not stop the others.
            with suppress(OSError):
                (directory / "cgroup.subtree_control").write_text(f"+{controller}", encoding="ascii")


def _copy_cpuset(parent: Path, child: Path) -> None:
    # A new version 1 cpuset is empty, and an empty one takes no process.
    for file in ("cpuset.cpus", "cpuset.mems"):
        if not (child / file).read_text(encoding="ascii").strip():
            (child / file).write_text((parent / file).read_text(encoding="ascii"), encoding="ascii")
