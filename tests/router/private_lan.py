"""Hosts whose routers have a password, with the program that encrypts for them: this kernel has no WireGuard."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.router.hosts import Lan, RoutedHost, until
from tests.wire import Searched, listening, searched
from weave_http.image import apt, mirror, tunnel
from weave_http.image.deb import unpack
from weave_http.image.tree import File
from weave_http.net.wireguard import State
from weave_http.net.wireguard_user import UserSpaceDevice

CACHE = Path(__file__).parents[2] / "build" / "cache" / "weave-http" / "tunnel-for-tests"


def fetched() -> Path:
    """Return a folder with wireguard-go in it, as the image has it."""
    folder = CACHE / "bin"
    program = folder / tunnel.PACKAGE
    if not program.exists():
        deb = tunnel.fetch(CACHE, system=apt.machine(), archive=mirror.ARCHIVE, report=print)
        (files,) = unpack([deb], frozenset())
        entry = files[f"usr/bin/{tunnel.PACKAGE}"]
        assert isinstance(entry, File)
        folder.mkdir(exist_ok=True)
        new = folder / f".{tunnel.PACKAGE}.{os.getpid()}"
        new.write_bytes(entry.data)
        new.chmod(0o755)
        new.rename(program)
    return folder


def direct(hosts: Sequence[RoutedHost]) -> bool:
    """Tell whether all of these, and no others, reach each other directly."""
    return all([path["State"] for path in host.paths.values()] == ["direct"] * (len(hosts) - 1) for host in hosts)


class PrivateLan(Lan):
    """Hosts whose routers have a password. Each has a /run of its own, where wireguard-go listens."""

    def __init__(self, folder: Path, programs: Path) -> None:
        super().__init__(folder)
        self.programs = programs
        self._mounts: dict[int, subprocess.Popen[bytes]] = {}

    def __exit__(self, *reason: object) -> None:
        for host in self.hosts:
            if host.router is not None:
                host.end(signal.SIGKILL)
            for device in ("weave-wg", "weave-wg-relay", "hand-wg"):  # which ends the program
                host.space.run(f"ip link del {device} 2>/dev/null || true")
        for process in self._mounts.values():
            process.kill()
            process.wait()
        super().__exit__(None, None, None)

    def launch(self, host: RoutedHost, *arguments: str, changing: float = 600) -> None:
        """Start a router that makes its secret anew every so many seconds."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith("WEAVE_")}
        environ = clean | {"PROCFS": "/proc", "PATH": f"{self.programs}:{os.environ['PATH']}"}
        command = [*self.entering(host), sys.executable, "-m", "tests.router.private_router", str(changing)]
        command += ["--state-dir", str(host.folder), "--nickname", f"host{host.number}", *arguments]
        host.run_router(command, environ)

    def entering(self, host: RoutedHost) -> list[str]:
        """Return the beginning of a command that sees the /run of a host."""
        if host.number not in self._mounts:
            line = "mkdir -p /run/wireguard && mount -t tmpfs none /run/wireguard && echo there && exec sleep 1000"
            holder = subprocess.Popen(["unshare", "--mount", "sh", "-c", line], stdout=subprocess.PIPE)
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"there\n"
            holder.stdout.close()
            self._mounts[host.number] = holder
        return ["nsenter", f"--mount=/proc/{self._mounts[host.number].pid}/ns/mnt"]

    def sockets(self, host: RoutedHost) -> Path:
        """Return where wireguard-go listens in a host, as seen from here."""
        return Path(f"/proc/{self._mounts[host.number].pid}/root/run/wireguard")

    def tunnel(self, host: RoutedHost) -> State:
        """Return the device that encrypts what goes to hosts directly, as it is."""
        return UserSpaceDevice(str(self.sockets(host) / "weave-wg.sock")).read()

    @contextmanager
    def watched(self, wanted: Collection[bytes] = ()) -> Iterator[Searched]:
        """Search all that crosses the LAN.

        Args:
            wanted: what is looked for.
        """
        with searched(self._lan.call(listening), wanted) as seen:
            yield seen


def meshed(lan: PrivateLan, count: int, *, changing: float = 600) -> list[RoutedHost]:
    """Return hosts whose routers reach each other, each with a container.

    Args:
        lan: where they are.
        count: how many.
        changing: seconds after which each makes its secret anew.
    """
    hosts = lan.add(count)
    for host in hosts:
        assert host.guest
        lan.launch(host, *([hosts[0].address] if host is not hosts[0] else []), changing=changing)
    until(lambda: all(host.ready for host in hosts))
    until(lambda: direct(hosts), within=90)
    return hosts
