"""What the router asks the engine of its host, and where that listens.

The router's container has the engine's socket mounted. An engine that restarts while containers live on makes a new
socket, and the mounted one leads nowhere ever after; then the host's own path is taken, through the root folder of the
host's first process.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from shutil import which

from weave_http import constants
from weave_http.addresses import IP, is_ip, parse_ip
from weave_http.engine import local_engine
from weave_http.errors import EngineError, HostError
from weave_http.host import tunnel_container
from weave_http.host.host_files import inside
from weave_http.net.own_container import own_container
from weave_http.net.wireguard_user import SOCKETS

_PATIENCE = 2.0
_BOX = ("┌", "│", "└")
"""What wireguard-go draws around advice to use the kernel's, which was tried."""


def engine_socket(mounted: str = constants.DOCKER_SOCKET, environ: Mapping[str, str] = os.environ) -> str:
    """Return the path of a socket on which the engine accepts connections; the mounted one if there is no such.

    Args:
        mounted: where the socket is mounted, which is also its path on the host.
        environ: `PROCFS` says where the host's /proc is; without it nothing but the mounted one is tried.
    """
    paths = [mounted]
    if environ.get("PROCFS"):
        with suppress(OSError):
            paths.append(str(inside(Path(environ["PROCFS"], "1", "root"), mounted)))
    return next(filter(_answers, paths), mounted)


def start_tunnel(name: str, environ: Mapping[str, str] = os.environ) -> str:
    """Have WireGuard run in user space, and return the path of its socket.

    From a container it is started in one of its own, so that it outlives the router; else as a daemon.

    Args:
        name: of its device.
        environ: `PROCFS` says where the host's /proc is.

    Raises:
        HostError: it can't be started.
    """
    launch = own_container()
    if not launch or not environ.get("PROCFS"):
        return _start_daemon(name)
    try:
        with local_engine(engine_socket()) as engine:
            image = str(engine.containers.inspect(launch)["Config"]["Image"])
            pid = tunnel_container.ensure(engine, image, name)
    except EngineError as error:
        raise HostError(f"WireGuard can't be started in user space: {error}") from error
    return str(inside(Path(environ["PROCFS"], str(pid), "root"), f"{SOCKETS}/{name}.sock"))


def _start_daemon(name: str) -> str:
    path = f"{SOCKETS}/{name}.sock"
    if not _answers(path):
        program = which(Path(constants.TUNNEL_PROGRAM).name)
        if program is None:
            raise HostError(
                "this kernel has no WireGuard, and there is no program wireguard-go", hint="modprobe wireguard"
            )
        environ = {**os.environ, **tunnel_container.MEMORY}
        done = subprocess.run([program, name], capture_output=True, text=True, env=environ, check=False)
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith(_BOX)]
            raise HostError(f"wireguard-go can't be started: {said[-1] if said else f'exit code {done.returncode}'}")
    return path


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PATIENCE)
        try:
            probe.connect(path)
        except OSError:
            return False
        return True


def is_running(container: str, socket: str = "") -> bool:
    """Return whether a container runs; also when the engine can't be asked, or doesn't know it, it does not.

    Args:
        container: full container id.
        socket: path of the engine's; found by default.
    """
    try:
        with local_engine(socket or engine_socket()) as engine:
            return bool(engine.containers.inspect(container)["State"]["Running"])
    except EngineError:
        return False


def default_gateway(socket: str = "") -> IP | None:
    """Return the host's IPv4 address on the engine's default network; None when there is none, or no answer.

    Args:
        socket: path of the engine's; found by default.
    """
    try:
        with local_engine(socket or engine_socket()) as engine:
            gateway = engine.networks.default_gateway()
    except EngineError:
        return None
    return parse_ip(gateway) if is_ip(gateway) else None
