"""A sandbox host as its user sees it: name, endpoint, state, and the environment that chooses it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from weave_http.records import dataclass
from weave_http.sandbox import podman
from weave_http.sandbox.daemon import TLS_PORT


class HostState(StrEnum):
    """How a host is doing."""

    RUNNING = "running"
    NO_ENGINE = "no engine"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class SandboxHost:
    """What a user of a host needs to know.

    Args:
        name: `host1` and so on, also its host name.
        address: IPv4 address on the LAN.
        socket: unix socket of its engine, as the machine sees it.
        tls_dir: `ca.pem`, `cert.pem` and `key.pem` for clients.
        pid: its process 1 as the machine numbers it, 0 when it does not run.
        engine_root: root file system that its disk lies over.
        state: whether it runs and its engine answers.
    """

    name: str
    address: str
    socket: Path
    tls_dir: Path
    pid: int
    engine_root: Path
    state: HostState

    @property
    def has_podman(self) -> bool:
        """Whether its engine is Podman, which speaks no TLS."""
        return podman.is_podman(self.engine_root)

    @property
    def docker_host(self) -> str:
        """Its Remote API, as DOCKER_HOST has it."""
        if self.has_podman:
            return f"tcp://{self.address}:{podman.PORT}"
        return f"tcp://{self.address}:{TLS_PORT}"

    def env(self, *, unix: bool = False) -> dict[str, str]:
        """Return the environment that points a Docker client at this host; an empty value means that it is not set.

        Args:
            unix: by its unix socket instead of TCP (with mutual TLS, but for Podman).
        """
        if unix or self.has_podman:
            address = f"unix://{self.socket}" if unix else self.docker_host
            return {"DOCKER_HOST": address, "DOCKER_TLS_VERIFY": "", "DOCKER_CERT_PATH": ""}
        return {
            "DOCKER_HOST": self.docker_host,
            "DOCKER_TLS_VERIFY": "1",
            "DOCKER_CERT_PATH": str(self.tls_dir),
        }
