"""Plays compose files on Docker hosts: docker-compose on this machine speaks to a host's engine, or to a proxy."""

from __future__ import annotations

import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.hosts.host import Host, eventually
from tests.patience import PATIENCE

FOLDER = Path(__file__).parent
IMAGE = "weave-talk"


def build(hosts: Sequence[Host]) -> None:
    """Have the services' image on the hosts."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda host: command(host.environ(), "docker", "build", "-q", "-t", IMAGE, "image"), hosts))


def command(environ: dict[str, str], *words: str) -> str:
    """Run a command in this folder, which must work, and return its output."""
    environ = environ | {"DOCKER_BUILDKIT": "0"}
    done = subprocess.run(
        words, cwd=FOLDER, env=environ, capture_output=True, text=True, timeout=120 * PATIENCE, check=False
    )
    assert done.returncode == 0, f"{' '.join(words)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@contextmanager
def up(name: str, host: Host, environ: dict[str, str] | None = None, **variables: str) -> Iterator[None]:
    """Have a compose file's services up for a while; afterwards nothing of it is left on the host.

    Args:
        name: of the file, without `.yml`.
        host: whose engine it is.
        environ: that of docker-compose, by which it may speak to a proxy; the host's engine by default.
        variables: of the file.
    """
    environ = {**(environ or host.environ()), **variables}
    compose = ("docker-compose", "-p", name, "-f", f"files/{name}.yml")
    try:
        command(environ, *compose, "up", "-d", "--no-color")
        yield
    finally:
        command(environ, *compose, "down", "-v", "-t", "0")
    left = host.shell(
        f"docker ps -aq --filter label=com.docker.compose.project={name}; docker network ls -q -f name={name}_"
    )
    assert left == "", name


def page(host: Host, port: int, path: str = "/") -> str:
    """Return what a published port of a host answers; empty if nothing does, or it has a complaint."""
    try:
        with urllib.request.urlopen(f"http://{host.address}:{port}{path}", timeout=20) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, OSError):
        return ""


def comes(host: Host, port: int, path: str, wanted: str) -> bool:
    """Tell whether a page says something in time."""
    return eventually(lambda: wanted in page(host, port, path), seconds=30)


def own_environ(socket: Path) -> dict[str, str]:
    """The environment of docker-compose that speaks to a proxy on a unix socket."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("DOCKER_")}
    return clean | {"DOCKER_HOST": f"unix://{socket}"}
