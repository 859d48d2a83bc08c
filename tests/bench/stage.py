"""Where it is all measured: two Docker hosts of the benchmark's own, and programs run against them with a clock."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.hosts.host import Host
from tests.patience import PATIENCE
from weave_http.errors import WeaveError
from weave_http.records import dataclass
from weave_http.sandbox import Sandbox

STATE = Path("/var/lib/weave-bench")
NAME = "bench"
SUBNET = "10.96.0.0/16"
DOCKER = "/usr/bin/docker"
"""The CLI of the same Debian package as the engine."""
_SECONDS = 120


class MeasuringError(WeaveError):
    """Something that was to be measured did not work, so there is no figure."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Two hosts, and how to run things.

    Args:
        sandbox: the hosts'.
        scratch: folder for things that are kept during the run.
        images: archives of weave's image and of the guest image.
    """

    sandbox: Sandbox
    scratch: Path
    images: tuple[Path, Path]

    @property
    def hosts(self) -> tuple[Host, Host]:
        """Both hosts, by TCP with mutual TLS."""
        return Host(self.sandbox, "host1"), Host(self.sandbox, "host2")

    def environ(self, host: Host | None = None) -> dict[str, str]:
        """Return the environment for a command against a host.

        Byte-code is kept as for an installed package, whatever this process was told, but outside of the source tree.
        """
        environ = host.environ() if host else dict(os.environ)
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        return environ | {"PYTHONPYCACHEPREFIX": str(self.scratch / "bytecode"), "DOCKER_CONFIG": str(self.scratch)}

    def timed(self, host: Host | None, argv: Sequence[str]) -> float:
        """Return the milliseconds a program takes, from its start to its end.

        Raises:
            MeasuringError: it failed.
        """
        environ = self.environ(host)
        begun = time.perf_counter()
        done = subprocess.run(
            argv, env=environ, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False
        )
        seconds = time.perf_counter() - begun
        if done.returncode:
            raise MeasuringError(
                f"{' '.join(argv)}: exit code {done.returncode}: {done.stderr.decode().strip()[-300:]}"
            )
        return seconds * 1000

    def weave(self, host: Host | None, *arguments: str) -> float:
        """Return the milliseconds that `weave ARGUMENTS…` takes."""
        return self.timed(host, [weave_program(), *arguments])

    def trace(self, host: Host, *arguments: str) -> str:
        """Return what `weave --trace ARGUMENTS…` says of its calls."""
        argv = [weave_program(), "--trace", *arguments]
        done = subprocess.run(
            argv, env=self.environ(host), capture_output=True, text=True, timeout=_SECONDS, check=True
        )
        return done.stderr


def weave_program() -> str:
    """Return the `weave` command beside this Python."""
    program = Path(sys.executable).with_name("weave")
    if not program.exists():
        raise MeasuringError(f"there is no command weave beside {sys.executable}", hint="run make bench")
    return str(program)


def pid_of(host: Host, container: str) -> str:
    """Return the process id of a container as its host numbers it."""
    return host.shell(f"docker inspect -f '{{{{.State.Pid}}}}' {container}").strip()


def await_true(what: Callable[[], bool], name: str, *, seconds: float = 30.0, pause: float = 0.005) -> None:
    """Wait until something is true.

    Raises:
        MeasuringError: it does not become true in time.
    """
    seconds *= PATIENCE
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            raise MeasuringError(f"{name}: not within {seconds:g} s")
        time.sleep(pause)
