"""Network namespaces for a test: one that plays the Docker host, and some that play containers."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.patience import PATIENCE
from weave_http.addresses import Cidr, parse_cidr
from weave_http.net.guest import Target
from weave_http.net.netns import Namespace

_T = TypeVar("_T")
_SECONDS = 10 * PATIENCE


class Space:
    """A process in a network namespace of its own. Killed, and with it the namespace, when the block ends."""

    def __init__(self) -> None:
        ours = os.stat("/proc/self/ns/net").st_ino
        self._process = subprocess.Popen(["unshare", "--net", "sleep", "1000"])
        self.pid = self._process.pid
        deadline = time.monotonic() + _SECONDS
        while os.stat(f"/proc/{self.pid}/ns/net").st_ino == ours:
            assert time.monotonic() < deadline, "unshare did not unshare"
            time.sleep(0.001)
        self.namespace = Namespace(f"/proc/{self.pid}/ns/net")
        self.run("ip link set lo up")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.die()
        self.namespace.close()

    def die(self) -> None:
        """End the process; its namespace stays while something holds it."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def call(self, function: Callable[..., _T], *arguments: Any, **keywords: Any) -> _T:
        """Call a function in the namespace."""
        return self.namespace.call(lambda: function(*arguments, **keywords))

    def run(self, command: str) -> str:
        """Run a shell command in the namespace and return its output."""
        done = self.call(
            subprocess.run, ["sh", "-ec", command], capture_output=True, text=True, timeout=_SECONDS, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def links(self) -> list[str]:
        """Return the names of all links but `lo`, sorted."""
        lines = self.run("ip -br link").splitlines()
        return sorted(name for line in lines if (name := line.split()[0].partition("@")[0]) != "lo")

    def await_carrier(self) -> None:
        """Wait until the kernel says of `ethwe` that it is up, which it does in the background."""
        deadline = time.monotonic() + _SECONDS
        while " state UP " not in self.run("ip link show dev ethwe"):
            assert time.monotonic() < deadline, "ethwe gets no carrier"
            time.sleep(0.001)

    def addresses(self) -> list[str]:
        """Return the IPv4 addresses of `ethwe`, in the kernel's order."""
        return self.run("ip -br -4 addr show dev ethwe").split()[2:]

    def cidrs(self) -> list[Cidr]:
        """Return the IPv4 addresses of `ethwe` as values."""
        return cidrs(*self.addresses())

    def port(self) -> str:
        """Return what the host's end of its `ethwe` is called."""
        return f"vethwe{self.namespace.identity[1]:x}"

    def target(self, name: str = "c1") -> Target:
        """Return the process as the container to work on."""
        return Target(self.pid, name)


def cidrs(*texts: str) -> list[Cidr]:
    """Return addresses of interfaces."""
    return [parse_cidr(text) for text in texts]
