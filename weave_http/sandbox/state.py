"""What a sandbox remembers on disk, written before the thing itself is made.

Layout of the state directory (mode 0700)::

    sandbox.json            name and subnet
    ca-key.pem  tls/        the authority's key; ca.pem, cert.pem and key.pem for clients
    hosts/host1/host.json   number, engine root, whether it ever came up
    hosts/host1/process.json, upper, work, root, share, docker, containerd, containers, *.log
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from weave_http import atomic
from weave_http.errors import SandboxError
from weave_http.records import dataclass, replace, values
from weave_http.sandbox.processes import held, run

OWN_RECORDS = ("ca-key.pem", "sandbox.json")
"""Files of the sandbox itself in its directory; the last one goes last, because it tells what else there is."""


@dataclass(frozen=True, slots=True)
class SandboxRecord:
    """What holds for the whole sandbox."""

    name: str
    subnet: str


@dataclass(frozen=True, slots=True)
class HostRecord:
    """What holds for one host.

    Args:
        index: number of the host, from 1.
        engine_root: root file system with its engine.
        complete: whether its engine once answered, so that its disk is worth keeping.
    """

    index: int
    engine_root: str
    complete: bool = False

    @property
    def name(self) -> str:
        return f"host{self.index}"

    @classmethod
    def of_name(cls, name: str) -> HostRecord:
        """Return a stand-in for a host of which only the name is known, to remove it by."""
        return cls(int(name.removeprefix("host")), "/")


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """Process 1 of a host as the machine sees it; `started` (clock ticks since boot) tells it from a later one."""

    pid: int
    started: int


def _write(path: Path, value: Any) -> None:
    atomic.write(path, (json.dumps(values(value)) + "\n").encode())


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise SandboxError(
            f"cannot read {path}: {error}", hint="remove that file; `down` finds what belongs to it"
        ) from error


@dataclass(frozen=True, slots=True)
class State:
    """The state directory."""

    directory: Path

    @property
    def tls(self) -> Path:
        return self.directory / "tls"

    def host_directory(self, name: str) -> Path:
        return self.directory / "hosts" / name

    def sandbox(self) -> SandboxRecord | None:
        value = _read(self.directory / "sandbox.json")
        return SandboxRecord(str(value["name"]), str(value["subnet"])) if value else None

    def save_sandbox(self, record: SandboxRecord) -> None:
        _write(self.directory / "sandbox.json", record)

    def hosts(self) -> list[HostRecord]:
        """Return the recorded hosts in the order of their numbers."""
        found = []
        for file in self.directory.glob("hosts/*/host.json"):
            value = _read(file)
            if value:
                found.append(HostRecord(int(value["index"]), str(value["engine_root"]), bool(value["complete"])))
        return sorted(found, key=lambda record: record.index)

    def host(self, name: str) -> HostRecord | None:
        return next((record for record in self.hosts() if record.name == name), None)

    def save_host(self, record: HostRecord) -> None:
        directory = self.host_directory(record.name)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(directory / "host.json", record)

    def mark_complete(self, record: HostRecord) -> None:
        self.save_host(replace(record, complete=True))

    def _process_file(self, name: str) -> Path:
        return self.host_directory(name) / "process.json"

    def save_process(self, name: str, record: ProcessRecord | None) -> None:
        """Note process 1 of a host, or that there is none."""
        if record is None:
            self._process_file(name).unlink(missing_ok=True)
        else:
            _write(self._process_file(name), record)

    def process(self, name: str) -> ProcessRecord | None:
        value = _read(self._process_file(name))
        return ProcessRecord(int(value["pid"]), int(value["started"])) if value else None

    def host_directories(self) -> list[str]:
        """Return the names of all host folders, half-made ones too."""
        top = self.directory / "hosts"
        return sorted(entry.name for entry in top.iterdir()) if top.is_dir() else []

    def remove_host(self, name: str) -> None:
        remove_tree(self.host_directory(name))

    def remove(self) -> None:
        """Remove all that a sandbox put here, and the directory if nothing else is in it."""
        if not self.directory.is_dir():
            return
        records = [self.directory / name for name in OWN_RECORDS]
        for path in (self.directory / "hosts", self.tls, *chain(*map(atomic.leftovers, records)), *records):
            remove_tree(path)
        if not os.listdir(self.directory):
            self.directory.rmdir()

    @contextmanager
    def locked(self, *, create: bool, waiting: Callable[[], object]) -> Iterator[bool]:
        """Hold the sandbox for oneself; the lock is on the directory itself and ends with the process.

        Args:
            create: make the directory when it is missing.
            waiting: called once when someone else holds it.

        Yields:
            Whether the directory exists.
        """
        while True:
            fd = self._open(create)
            if fd is None:
                yield False
                return
            try:
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    waiting()
                    fcntl.flock(fd, fcntl.LOCK_EX)
                if not self._still(fd):  # `down` removed it while we waited
                    continue
                with held(fd):
                    yield True
                return
            finally:
                os.close(fd)

    def _open(self, create: bool) -> int | None:
        try:
            if create:
                self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                if not os.listdir(self.directory):
                    self.directory.chmod(0o700)
            return os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SandboxError(f"cannot use {self.directory}: {error.strerror}") from error

    def _still(self, fd: int) -> bool:
        try:
            return os.path.samestat(os.fstat(fd), os.stat(self.directory))
        except FileNotFoundError:
            return False


def remove_tree(path: Path) -> None:
    """Remove a file or a directory tree, never crossing into another file system.

    Raises:
        SandboxError: something is mounted below, or the file system refuses.
    """
    run(["rm", "-rf", "--one-file-system", "--", str(path)])
