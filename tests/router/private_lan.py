"""Hosts whose routers have a password, with the program that encrypts for them: this kernel has no WireGuard."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.router.hosts import Lan, RoutedHost
from weave_http.image import apt, mirror, tunnel
from weave_http.image.deb import unpack
from weave_http.image.tree import File

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

    @contextmanager
    def watched(self, into: set[tuple[int, int]]) -> Iterator[list[bytes]]:
        """Note the ports of all UDP between hosts, and keep what crosses the LAN."""
        frames: list[bytes] = []
        wire = self._lan.call(socket.socket, socket.AF_PACKET, socket.SOCK_RAW, 0x0300)
        wire.settimeout(0.1)
        over = threading.Event()

        def watch() -> None:
            while not over.is_set():
                try:
                    frame = wire.recv(1 << 16)
                except TimeoutError:
                    continue
                frames.append(frame)
                if frame[12:14] == b"\x08\x00" and frame[23] == socket.IPPROTO_UDP:
                    into.add((int.from_bytes(frame[34:36]), int.from_bytes(frame[36:38])))

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield frames
        finally:
            over.set()
            thread.join()
            wire.close()
