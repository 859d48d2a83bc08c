"""The engine of a host: its configuration, and whether it answers."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

from weave_http.errors import SandboxError
from weave_http.sandbox.disk import SHARE

TLS_PORT = 2376
TLS_DIRECTORY = "etc/docker/tls"
RUNTIME_FILE = "etc/docker/runtime"
CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
CONTAINERD = ["containerd", "--config", "/etc/containerd/config.toml"]
DOCKERD = ["dockerd", "--containerd", CONTAINERD_SOCKET]
POLL_SECONDS = 0.01

# Docker needs neither Kubernetes' API nor other snapshotters; probing for them costs time at every start.
_CONTAINERD_CONFIG = """\
version = 2
disabled_plugins = [
  "io.containerd.grpc.v1.cri",
  "io.containerd.cri.v1.images",
  "io.containerd.cri.v1.runtime",
  "io.containerd.internal.v1.opt",
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
]
"""


def daemon_json(*, fitted_runtime: bool) -> str:
    """Return a host's /etc/docker/daemon.json.

    Args:
        fitted_runtime: whether containers start through the sandbox's own OCI runtime.
    """
    settings: dict[str, object] = {
        "hosts": [
            "unix:///run/docker.sock",
            f"unix:///{SHARE}/docker.sock",
            f"tcp://0.0.0.0:{TLS_PORT}",
        ],
        "tlsverify": True,
        "tlscacert": f"/{TLS_DIRECTORY}/ca.pem",
        "tlscert": f"/{TLS_DIRECTORY}/cert.pem",
        "tlskey": f"/{TLS_DIRECTORY}/key.pem",
        "storage-driver": "overlay2",
    }
    if fitted_runtime:
        settings |= {"runtimes": {"fitted": {"path": f"/{RUNTIME_FILE}"}}, "default-runtime": "fitted"}
    return json.dumps(settings, indent=2) + "\n"


def containerd_toml() -> str:
    """Return a host's /etc/containerd/config.toml."""
    return _CONTAINERD_CONFIG


def ping(path: Path, timeout: float) -> str:
    """Ask an engine whether it is there (`HEAD /_ping`) and return how it calls itself, or nothing.

    A starting engine takes the connection and answers when it is ready, so one call may wait instead of many.

    Args:
        path: its unix socket.
        timeout: seconds to wait for the answer.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect(str(path))
            connection.sendall(b"HEAD /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
            head = connection.recv(4096).decode("latin-1")
        except OSError:
            return ""
    status, _, rest = head.partition("\r\n")
    if status.split()[1:2] != ["200"]:
        return ""
    fields = dict(line.split(": ", 1) for line in rest.split("\r\n") if ": " in line)
    return fields.get("Server", "engine").partition(" ")[0].replace("/", " ")


def wait_for(
    done: Callable[[], object], *, alive: Callable[[], bool], cancel: threading.Event, seconds: float, what: str
) -> None:
    """Wait until something is so.

    Args:
        done: asked again and again, every `POLL_SECONDS`.
        alive: whether there is still hope; asked now and then after the first second.
        cancel: ends the wait when set.
        seconds: to wait at most.
        what: is waited for, for the error.

    Raises:
        SandboxError: it did not come true.
    """
    begun = time.monotonic()
    rounds = 0
    while not done():
        rounds += 1
        if cancel.is_set():
            raise SandboxError(f"{what}: interrupted")
        waited = time.monotonic() - begun
        if waited > 1.0 and rounds % 10 == 0 and not alive():
            raise SandboxError(f"{what}: it ended")
        if waited > seconds:
            raise SandboxError(f"{what}: not within {seconds:.0f} s")
        cancel.wait(POLL_SECONDS)


def last_words(log: Path) -> str:
    """Return the last two lines of a log that tell of trouble, or else its last two, as one."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if "level=info" not in line and "level=debug" not in line]
    return " ".join((telling or lines)[-2:])
