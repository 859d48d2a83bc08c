"""One host: booted, entered, ended. What it does is said in the terms of the machine: processes, cgroups, links."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from weave_http.errors import SandboxError
from weave_http.records import dataclass
from weave_http.sandbox import daemon, disk, lan, podman, runtime
from weave_http.sandbox.cgroups import Cgroup, Cgroups, wait_for_end
from weave_http.sandbox.checks import find_program
from weave_http.sandbox.enter import entered
from weave_http.sandbox.processes import start_time
from weave_http.sandbox.state import HostRecord, ProcessRecord, State
from weave_http.sandbox.view import HostState

BOOT_SECONDS = 20.0
ENGINE_SECONDS = 60.0
INITS = ("/usr/bin/tini", "/usr/bin/tini-static", "/usr/bin/docker-init", "/usr/libexec/docker/docker-init")


@dataclass(frozen=True, slots=True)
class Host:
    """The handle by which a host is worked on.

    Args:
        state: the sandbox's memory.
        plan: the sandbox's LAN.
        cgroups: the machine's hierarchies.
        record: which host.
    """

    state: State
    plan: lan.LanPlan
    cgroups: Cgroups
    record: HostRecord

    @property
    def name(self) -> str:
        return self.record.name

    @property
    def address(self) -> str:
        return self.plan.host_address(self.record.index)

    @property
    def directory(self) -> Path:
        return self.state.host_directory(self.name)

    @property
    def share(self) -> Path:
        return self.directory / "share"

    @property
    def socket(self) -> Path:
        return self.share / "docker.sock"

    @property
    def group(self) -> Cgroup:
        return self.cgroups.group(sandbox_cgroup(self.plan), self.name)

    @property
    def has_podman(self) -> bool:
        """Whether its engine is Podman instead of Docker."""
        return podman.is_podman(Path(self.record.engine_root))

    # -- how it is -------------------------------------------------------------------------------------

    def pid(self) -> int:
        """Return process 1 of the host as the machine numbers it, 0 when it does not run."""
        process = self.state.process(self.name)
        if process is None or not self.group.holds(process.pid):
            return 0
        return process.pid if start_time(process.pid) == process.started else 0

    def condition(self) -> HostState:
        """Look whether the host runs and its engine answers within two seconds."""
        if not self.pid():
            return HostState.DEAD
        return HostState.RUNNING if daemon.ping(self.socket, 2.0) else HostState.NO_ENGINE

    # -- making ----------------------------------------------------------------------------------------

    def make_disk(self, certificate: bytes, key: bytes, authority: bytes) -> None:
        """Make the disk of a new host with its identity and its engine's configuration."""
        root = Path(self.record.engine_root)
        disk.make(self.directory, root, self.state.directory)
        missing = runtime.missing_here()
        files = {
            "etc/machine-id": (0o444, f"{uuid.uuid4().hex}\n".encode()),
            "etc/hostname": (0o644, f"{self.name}\n".encode()),
            "etc/hosts": (0o644, hosts_file("127.0.0.1 localhost\n", {self.name: self.address}).encode()),
            "etc/resolv.conf": (0o644, b""),
            "etc/containerd/config.toml": (0o644, daemon.containerd_toml().encode()),
            "etc/docker/daemon.json": (0o644, daemon.daemon_json(fitted_runtime=bool(missing)).encode()),
            f"{daemon.TLS_DIRECTORY}/ca.pem": (0o644, authority),
            f"{daemon.TLS_DIRECTORY}/cert.pem": (0o644, certificate),
            f"{daemon.TLS_DIRECTORY}/key.pem": (0o600, key),
        }
        if self.has_podman:
            files |= podman.files()
        elif missing:
            real = find_program(root, "runc")
            files[daemon.RUNTIME_FILE] = (0o755, runtime.wrapper(missing, real).encode())
        disk.write(self.directory, root, files)

    def learn_neighbours(self, names: dict[str, str]) -> None:
        """Write the LAN's names into /etc/hosts of the running host."""
        if pid := self.pid():
            file = Path(f"/proc/{pid}/root/etc/hosts")
            before = file.read_text(encoding="utf-8")
            after = hosts_file(before, names)
            if before != after:
                file.write_text(after, encoding="utf-8")

    def boot(self, cancel: threading.Event) -> str:
        """Start the host and its engine from its disk; return the engine's name and version.

        Raises:
            SandboxError: with the last lines of the log that tells why.
        """
        self.halt()
        self.socket.unlink(missing_ok=True)
        self.group.make()
        lan.add_host(self.plan, self.name, self.address)
        self._start_first_process()
        engine = self.start_engine(cancel)
        if self.has_podman:
            self.spawn(podman.RESTART, podman.LOG)
        return engine

    def _start_first_process(self) -> None:
        mounts, links = self.cgroups.mounts()
        reader, writer = os.pipe()
        boot_plan = {
            "name": self.name,
            "starter": os.getpid(),
            "status_fd": writer,
            "netns": str(lan.netns_path(self.plan.host_netns(self.name))),
            "cgroup_procs": [str(path) for path in self.group.procs_files()],
            "inner_cgroup_procs": [str(path) for path in self.group.inner_procs_files()],
            "cgroup_mounts": mounts,
            "cgroup_links": links,
            "directory": str(self.directory),
            "engine_root": self.record.engine_root,
            "binds": {source: f"/{target}" for source, target in disk.DATA.items()} | {"share": f"/{disk.SHARE}"},
            "inits": list(INITS),
        }
        script = Path(__file__).with_name("init.py")
        log = self.directory / "boot.log"
        try:
            with open(log, "ab") as output:
                process = subprocess.Popen(
                    [sys.executable, "-I", "-S", str(script), json.dumps(boot_plan)],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    pass_fds=[writer],
                    start_new_session=True,
                    cwd="/",
                )
            os.close(writer)
            writer = -1
            pid, failure = boot_report(_read_until_closed(reader, BOOT_SECONDS))
            if (started := start_time(pid)) >= 0:
                self.state.save_process(self.name, ProcessRecord(pid, started))
            if process.wait(BOOT_SECONDS) != 0 and not failure:
                failure = daemon.last_words(log) or f"exit code {process.returncode}"
        except (OSError, subprocess.TimeoutExpired) as error:
            failure = str(error)
        finally:
            os.close(reader)
            if writer >= 0:
                os.close(writer)
        if failure:
            raise SandboxError(f"{self.name} does not boot: {failure}")

    # -- its engine ------------------------------------------------------------------------------------

    def engine_processes(self, program: str) -> list[int]:
        """Return the process ids of the host's dockerd, containerd or podman as the machine sees them."""
        found = []
        for pid in self.group.own_processes():
            with suppress(FileNotFoundError, ProcessLookupError):
                if Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip() == program:
                    found.append(pid)
        return found

    def engine_process(self, program: str = "dockerd") -> int:
        """Return the first of those, or 0."""
        return next(iter(self.engine_processes(program)), 0)

    def start_engine(self, cancel: threading.Event) -> str:
        """Start what the engine consists of where it does not run, and wait until it answers."""
        if self.has_podman:
            if not self.engine_process("podman"):
                self.socket.unlink(missing_ok=True)
                for service in podman.services():
                    self.spawn(service, podman.LOG)
            self._wait("podman", lambda: daemon.ping(self.socket, 0.2), cancel)
            return daemon.ping(self.socket, 2.0)
        containerd_socket = Path(f"/proc/{self._living_pid()}/root{daemon.CONTAINERD_SOCKET}")
        if not self.engine_process("containerd"):
            self.spawn(daemon.CONTAINERD, "containerd")
        # dockerd tries containerd once and then again a second later: have it there first
        self._wait("containerd", containerd_socket.is_socket, cancel)
        if not self.engine_process():
            Path(f"/proc/{self._living_pid()}/root/run/docker.pid").unlink(missing_ok=True)
            self.socket.unlink(missing_ok=True)
            self.spawn(daemon.DOCKERD, "dockerd")
        self._wait("dockerd", lambda: daemon.ping(self.socket, 0.2), cancel)
        return daemon.ping(self.socket, 2.0)

    def stop_engine(self, signum: signal.Signals) -> None:
        """Signal dockerd and wait until it has ended; containerd and what runs in containers is dockerd's business."""
        for pid in self.engine_processes("podman" if self.has_podman else "dockerd"):
            self._stop(pid, signum)

    def _stop(self, pid: int, signum: signal.Signals) -> None:
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(fd, signum)
            if not wait_for_end(fd, ENGINE_SECONDS):
                raise SandboxError(f"the engine of {self.name} does not end on {signum.name}")
        finally:
            os.close(fd)

    def _wait(self, program: str, done: Callable[[], object], cancel: threading.Event) -> None:
        try:
            daemon.wait_for(
                done,
                alive=lambda: bool(self.engine_process(program)),
                cancel=cancel,
                seconds=ENGINE_SECONDS,
                what=f"{self.name} waits for {program}",
            )
        except SandboxError as error:
            log = self.directory / f"{program}.log"
            words = daemon.last_words(log)
            raise SandboxError(f"{error.message}: {words}" if words else error.message, hint=f"log: {log}") from error

    # -- entering --------------------------------------------------------------------------------------

    def _living_pid(self) -> int:
        if pid := self.pid():
            return pid
        raise SandboxError(f"{self.name} does not run", hint="`weave sandbox up` boots it again")

    def enter_argv(self, argv: Sequence[str], environment: Mapping[str, str] | None = None) -> list[str]:
        """Return the command that runs `argv` on the host: in its cgroup, all its namespaces, its root directory."""
        return entered(self._living_pid(), self.group, argv, environment or {})

    def spawn(self, argv: Sequence[str], log: str) -> None:
        """Start a program on the host that stays; its output goes to a log in the host's folder."""
        detach = 'ulimit -n "$(ulimit -Hn)"; setsid "$@" &'
        command = self.enter_argv(["/bin/sh", "-c", detach, "sh", *argv])
        with open(self.directory / f"{log}.log", "ab") as output:
            subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False)

    # -- ending ----------------------------------------------------------------------------------------

    def halt(self) -> None:
        """End the host at once, like a pulled plug; its disk stays. Does nothing for a host that does not run."""
        self.group.kill()
        lan.remove_host(self.plan, self.name)
        self.group.remove()
        self.state.save_process(self.name, None)

    def delete(self) -> None:
        """End the host and throw its disk away."""
        self.halt()
        self.state.remove_host(self.name)


def sandbox_cgroup(plan: lan.LanPlan) -> str:
    """Return the name of the cgroup in which all hosts of a sandbox have theirs."""
    return f"weave-sandbox-{plan.name}"


def hosts_file(before: str, names: dict[str, str]) -> str:
    """Return the text of /etc/hosts with the LAN's names; lines of others stay.

    Args:
        before: its text until now.
        names: host name → address.
    """
    mark = "# weave sandbox"
    others = [line for line in before.splitlines() if not line.endswith(mark)]
    return "\n".join([*others, *(f"{address} {name} {mark}" for name, address in names.items())]) + "\n"


def boot_report(said: str) -> tuple[int, str]:
    """Return process 1 of a host, 0 when it was not made, and what failed, from what init.py said to its starter."""
    lines = said.splitlines()  # in either order: the new process may fail before it is told of
    pid = next((int(line) for line in lines if line.isdigit()), 0)
    return pid, " ".join(line for line in lines if not line.isdigit())


def _read_until_closed(fd: int, seconds: float) -> str:
    deadline = time.monotonic() + seconds
    text = b""
    while True:
        if not select.select([fd], [], [], max(0.0, deadline - time.monotonic()))[0]:
            return f"nothing heard from its first process for {seconds:.0f} s"
        piece = os.read(fd, 4096)
        if not piece:
            return text.decode(errors="replace").strip()
        text += piece
