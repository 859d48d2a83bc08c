"""The sandbox: so many hosts on one LAN, brought up, used, and taken away without a trace."""

from __future__ import annotations

import ipaddress
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from weave_http.errors import SandboxError
from weave_http.sandbox import checks, lan, limits
from weave_http.sandbox.cgroups import Cgroups, children
from weave_http.sandbox.enter import pass_through
from weave_http.sandbox.host import Host, sandbox_cgroup
from weave_http.sandbox.parallel import boot_side_by_side, delete_side_by_side
from weave_http.sandbox.state import HostRecord, SandboxRecord, State
from weave_http.sandbox.view import HostState, SandboxHost

DEFAULT_STATE = Path("/var/lib/weave-sandbox")
DEFAULT_NAME = "weave"
DEFAULT_SUBNET = "10.99.0.0/16"
MOST = 999
Report = Callable[[str], object]
_NAME = re.compile(r"[a-z][a-z0-9-]{0,10}\Z")
_HOST_NAME = re.compile(r"host[1-9][0-9]{0,2}\Z")


def _quiet(_: str) -> None:
    return None


class Sandbox:
    """Docker hosts on this machine.

    Args:
        state_dir: directory for all that the sandbox keeps, on a real file system.
        name: prefix of its network namespaces, cgroups and interface, at most 11 characters, used once a machine;
            the recorded one or `weave` when not given.
        subnet: IPv4 network of its LAN; the recorded one or 10.99.0.0/16 when not given.

    Raises:
        SandboxError: name or subnet make no sense.
    """

    def __init__(self, state_dir: Path = DEFAULT_STATE, name: str | None = None, subnet: str | None = None) -> None:
        if name is not None and not _NAME.match(name):
            hint = "use up to 11 lower-case letters, digits and hyphens, a letter first"
            raise SandboxError(f"{name!r} is no sandbox name", hint=hint)
        try:
            self._subnet = ipaddress.IPv4Network(subnet) if subnet else None
        except ValueError as error:
            raise SandboxError(f"{subnet!r} is no IPv4 network: {error}", hint="write it as 10.98.0.0/16") from error
        self.state_dir = state_dir.absolute()
        self._name = name
        self._state = State(self.state_dir)

    @property
    def name(self) -> str:
        """What it is called on this machine."""
        return self._plan().name

    @property
    def subnet(self) -> str:
        """IPv4 network of the LAN."""
        return str(self._plan().subnet)

    # -- up and down -----------------------------------------------------------------------------------

    def up(self, hosts: int = 2, *, engine_root: Path = Path("/"), report: Report = _quiet) -> list[SandboxHost]:
        """Bring up hosts until there are `hosts` good ones; good ones stay as they are.

        A host that came up before and is not well is booted again from its disk; one that never did is made anew.

        Args:
            hosts: how many; ones beyond that number stay.
            engine_root: root file system for those that are made now.
            report: gets one line a step.

        Raises:
            SandboxError: something is missing on the machine, or a host does not start.
        """
        if not 1 <= hosts <= MOST:
            raise SandboxError(f"{hosts} hosts make no sandbox", hint=f"ask for 1 to {MOST}")
        engine_root = engine_root.absolute()
        checks.require_machine(engine_root)
        with self._locked(report, create=True):
            plan = self._claim()
            plan.host_address(hosts)  # the last one must have an address
            lan.ensure(plan, str(self.state_dir))  # first: as long as it is there, nobody lowers the limits
            if said := limits.make_room(max(hosts, *(record.index for record in self._state.hosts()), 0)):
                report(said)
            self._clean_unknown(plan)
            wanted = [self._handle(plan, index, engine_root) for index in range(1, hosts + 1)]
            plugged = lan.ports(plan)
            todo = [host for host in wanted if not self._is_good(host, plugged)]
            self._boot_all(todo, report)
            self._introduce(plan)
        return self.hosts()

    def down(self, *, report: Report = _quiet) -> None:
        """Take everything away, whatever state it is in; nothing happens when there is nothing.

        Raises:
            SandboxError: something does not go away; doing it again goes on from there.
        """
        checks.require_root()
        with self._locked(report, create=False):
            plan = self._plan()
            lan.refuse_other_owner(plan, self.state_dir)
            names = self._leftovers(plan)
            cgroups = Cgroups.of_machine()
            handles = [self._host(plan, cgroups, HostRecord.of_name(name)) for name in names]
            if handles:
                report(f"ending {len(handles)} host{'s' if len(handles) > 1 else ''}")
            delete_side_by_side(handles)
            lan.remove(plan)
            limits.put_back(lan.sandboxes)
            cgroups.group(sandbox_cgroup(plan)).remove()
            self._state.remove()

    @contextmanager
    def _locked(self, report: Report, *, create: bool) -> Iterator[None]:
        if create:
            checks.require_state_directory(self.state_dir)
        waiting = f"waiting for another command on {self.state_dir}"
        with self._state.locked(create=create, waiting=lambda: report(waiting)):
            yield

    def _claim(self) -> lan.LanPlan:
        """Note what this sandbox is called before anything of that name is made."""
        recorded = self._state.sandbox()
        plan = self._plan()
        lan.refuse_other_owner(plan, self.state_dir)
        if recorded is None:
            lan.refuse_conflicts(plan)
            self._state.save_sandbox(SandboxRecord(plan.name, str(plan.subnet)))
        return plan

    def _plan(self) -> lan.LanPlan:
        recorded = self._state.sandbox()
        if recorded and self._name and self._name != recorded.name:
            raise SandboxError(
                f"{self.state_dir} holds the sandbox {recorded.name}, not {self._name}",
                hint="leave out --name, or name another directory with --state",
            )
        if recorded and self._subnet and str(self._subnet) != recorded.subnet:
            raise SandboxError(
                f"{self.state_dir} holds a sandbox on {recorded.subnet}, not {self._subnet}",
                hint="leave out --subnet, or name another directory with --state",
            )
        subnet = recorded.subnet if recorded else str(self._subnet or DEFAULT_SUBNET)
        name = self._name or (recorded.name if recorded else DEFAULT_NAME)
        return lan.LanPlan(name, ipaddress.IPv4Network(subnet))

    # -- hosts -----------------------------------------------------------------------------------------

    def _host(self, plan: lan.LanPlan, cgroups: Cgroups, record: HostRecord) -> Host:
        return Host(self._state, plan, cgroups, record)

    def _handle(self, plan: lan.LanPlan, index: int, engine_root: Path) -> Host:
        """Return host number `index`, recorded from now on."""
        record = self._state.host(f"host{index}")
        if record is None:
            record = HostRecord(index, str(engine_root))
            self._state.save_host(record)
        return self._host(plan, Cgroups.of_machine(), record)

    def _is_good(self, host: Host, plugged: set[str]) -> bool:
        return host.record.complete and host.name in plugged and host.condition() is HostState.RUNNING

    def _leftovers(self, plan: lan.LanPlan) -> list[str]:
        """Return the names of all hosts of which anything is on the machine: a folder, a cgroup, a namespace."""
        groups = Cgroups.of_machine().group(sandbox_cgroup(plan)).directories()
        namespaces = plan.pieces(lan.netns_names())
        names = {*self._state.host_directories(), *children(groups), *namespaces}
        return sorted(name for name in names if _HOST_NAME.match(name))

    def _clean_unknown(self, plan: lan.LanPlan) -> None:
        """Remove what is left of hosts that nothing is recorded of."""
        known = {record.name for record in self._state.hosts()}
        cgroups = Cgroups.of_machine()
        for name in self._leftovers(plan):
            if name not in known:
                self._host(plan, cgroups, HostRecord.of_name(name)).delete()

    def _boot_all(self, hosts: list[Host], report: Report) -> None:
        if not hosts:
            return
        from weave_http.sandbox import certs

        authority = certs.ensure_authority(self.state_dir, self._state.tls)
        cancel = threading.Event()

        def boot(host: Host) -> None:
            if cancel.is_set():
                return
            begun = time.monotonic()
            if not host.record.complete:
                host.delete()
                self._state.save_host(host.record)
                server = certs.host_certificate(authority, host.name, host.address)
                host.make_disk(server.certificate_pem(), server.key_pem(), authority.certificate_pem())
            version = host.boot(cancel)
            self._state.mark_complete(host.record)
            report(f"{host.name}: {version} on {host.address} ({time.monotonic() - begun:.1f} s)")

        boot_side_by_side(hosts, boot, cancel)

    def _introduce(self, plan: lan.LanPlan) -> None:
        cgroups = Cgroups.of_machine()
        hosts = [self._host(plan, cgroups, record) for record in self._state.hosts()]
        for host in hosts:
            host.learn_neighbours({other.name: other.address for other in hosts})

    def _existing(self, name: str) -> Host:
        record = self._state.host(name)
        if record is None:
            known = " ".join(record.name for record in self._state.hosts()) or "none"
            raise SandboxError(f"no host {name} in the sandbox {self.name}", hint=f"hosts: {known}")
        return self._host(self._plan(), Cgroups.of_machine(), record)

    # -- looking ---------------------------------------------------------------------------------------

    def hosts(self) -> list[SandboxHost]:
        """Return all hosts in the order of their numbers, with how they are doing now."""
        if not self.state_dir.is_dir():
            return []
        checks.require_root()
        cgroups = Cgroups.of_machine()
        plan = self._plan()
        return [self._describe(self._host(plan, cgroups, record)) for record in self._state.hosts()]

    def host(self, name: str) -> SandboxHost:
        """Return one host.

        Raises:
            SandboxError: there is none of that name.
        """
        checks.require_root()
        return self._describe(self._existing(name))

    def _describe(self, host: Host) -> SandboxHost:
        return SandboxHost(
            name=host.name,
            address=host.address,
            socket=host.socket,
            tls_dir=self._state.tls,
            pid=host.pid(),
            engine_root=Path(host.record.engine_root),
            state=host.condition(),
        )

    # -- using -----------------------------------------------------------------------------------------

    def exec(self, name: str, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> int:
        """Run a program on a host with this process's own standard streams; return its exit code.

        Args:
            name: of the host.
            argv: program and arguments.
            env: variables besides PATH, HOME and TERM.
        """
        terminal = {"TERM": os.environ["TERM"]} if "TERM" in os.environ else {}
        return pass_through(self._existing(name).enter_argv(argv, terminal | dict(env or {})))

    def run(
        self,
        name: str,
        argv: Sequence[str],
        *,
        input: bytes = b"",
        timeout: float | None = 60.0,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a program on a host and return its exit code and output.

        Args:
            name: of the host.
            argv: program and arguments.
            input: bytes for its standard input.
            timeout: seconds after which `subprocess.TimeoutExpired` is raised.
            env: variables besides PATH and HOME.
        """
        command = self._existing(name).enter_argv(argv, dict(env or {}))
        return subprocess.run(command, input=input, capture_output=True, timeout=timeout, check=False)

    def engine_stop(self, name: str, signum: signal.Signals = signal.SIGTERM) -> None:
        """Signal dockerd of a host and wait for its end; SIGKILL makes it a crash."""
        with self._locked(_quiet, create=False):
            self._existing(name).stop_engine(signum)

    def engine_start(self, name: str) -> None:
        """Start dockerd (and containerd, if that is gone too) of a host and wait until it answers."""
        with self._locked(_quiet, create=False):
            self._existing(name).start_engine(threading.Event())

    def engine_restart(self, name: str, signum: signal.Signals = signal.SIGTERM) -> None:
        """Stop and start dockerd of a host."""
        with self._locked(_quiet, create=False):
            host = self._existing(name)
            host.stop_engine(signum)
            host.start_engine(threading.Event())

    def cable(self, name: str, up: bool) -> None:
        """Plug a host's LAN cable in or pull it."""
        lan.set_cable(self._plan(), self._existing(name).name, plugged=up)

    def reboot(self, name: str) -> None:
        """End a host at once and boot it again from its disk."""
        with self._locked(_quiet, create=False):
            self._existing(name).boot(threading.Event())
            self._introduce(self._plan())
