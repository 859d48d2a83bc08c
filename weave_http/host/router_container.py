"""The router's container: whether there is one, whether it is ours, and what it is made of."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from weave_http import __version__, constants
from weave_http.engine.errors import NotFound
from weave_http.hints import Any
from weave_http.host.host import Host
from weave_http.net.own_container import MOUNTS, own_container
from weave_http.operations import passwords
from weave_http.records import dataclass

ROLE = "router"
HANDED_ON = ("WEAVE_HTTP_ADDR", "WEAVE_MTU", "WEAVE_DEBUG", "WEAVE_CONTAINER_NAME", "DOCKER_BRIDGE")

_LOGS_IN_FILES = ("json-file", "local")
"""Drivers that write without an end unless they are told one."""
_LOG_BOUNDS = {"max-size": "10m", "max-file": "3"}


@dataclass(frozen=True, slots=True)
class Found:
    """A container of the router's name.

    Args:
        id: full container id.
        image: reference it was created from.
        running: whether it runs, also when it is paused or about to be restarted.
        status: the engine's word for its state.
        created: when, in seconds since 1970.
        died: whether its process has ended at least once.
        ours: whether it is a router of ours.
    """

    id: str
    image: str
    running: bool
    status: str
    created: float
    died: bool
    ours: bool


def find(host: Host, reference: str = "") -> Found | None:
    """Look the container up by the router's name, or by a reference."""
    try:
        container = host.engine.containers.inspect(reference or host.router_container)
    except NotFound:
        return None
    state, config = container["State"], container["Config"]
    running = bool(state["Running"] or state.get("Paused") or state.get("Restarting"))
    return Found(
        id=container["Id"],
        image=config["Image"],
        running=running,
        status=str(state.get("Status", "")),
        created=_seconds(container.get("Created")),
        died=not state["Running"] or bool(state.get("Restarting")) or container.get("RestartCount", 0) > 0,
        ours=(config.get("Labels") or {}).get(constants.ROLE_LABEL) == ROLE,
    )


def _seconds(moment: object) -> float:
    """Return a moment as the engine writes it, in seconds since 1970; 0 for one that can't be made out."""
    try:
        return datetime.fromisoformat(str(moment)).timestamp()
    except ValueError:
        return 0.0


def own_image(host: Host, mounts: Path = MOUNTS) -> str:
    """Return the image of the container that this runs in; outside of one, the image that belongs to this version.

    Args:
        host: where.
        mounts: file that lists the mounts of this process.
    """
    container = own_container(mounts)
    if container:
        try:
            return str(host.engine.containers.inspect(container)["Config"]["Image"])
        except NotFound:
            pass  # a container of some other engine
    return f"{constants.IMAGE_REPOSITORY}:{host.env.get('VERSION') or __version__}"


def log_config(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a create body's `HostConfig` that bounds the log; nothing where the engine's log needs none.

    Args:
        info: what the engine says of itself (`GET /info`).
    """
    driver = info.get("LoggingDriver")
    return {"LogConfig": {"Type": driver, "Config": dict(_LOG_BOUNDS)}} if driver in _LOGS_IN_FILES else {}


def keep_password(host: Host, container: str, password: str) -> None:
    """Put the password into the router's state, before its start: a file in a volume, which inspect doesn't show.

    Args:
        host: where.
        container: the router's, not started yet.
        password: the text; empty for none, whatever there was before.
    """
    keep(host, container, passwords.FILE, passwords.packed(password) if password else b"")


def keep(host: Host, container: str, name: str, content: bytes) -> None:
    """Put a file into the router's state, by a container that has its volume and does not run.

    Args:
        host: where.
        container: its id.
        name: of the file.
        content: of it.
    """
    file = tarfile.TarInfo(name)
    file.size, file.mode, file.mtime = len(content), 0o600, int(time.time())
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.addfile(file, io.BytesIO(content))
    host.engine.containers.put_archive(container, constants.ROUTER_STATE, archive.getvalue())


def create_body(image: str, env: Mapping[str, str], *, restart: bool, arguments: Sequence[str]) -> dict[str, Any]:
    """Return the body of `POST /containers/create` for the router.

    Args:
        image: reference.
        env: what of Weave's variables is set in here is handed on.
        restart: whether the engine starts it again whenever it ends, also after a reboot.
        arguments: for the router.
    """
    handed_on = [f"{name}={env[name]}" for name in HANDED_ON if env.get(name)]
    return {
        "Image": image,
        "Cmd": ["--router", *arguments],
        "Env": [f"PROCFS={constants.HOSTPROC}", *handed_on],
        "Labels": {constants.ROLE_LABEL: ROLE},
        "HostConfig": {
            "Binds": [
                f"{constants.DOCKER_SOCKET}:{constants.DOCKER_SOCKET}",
                f"{constants.PROCFS}:{constants.HOSTPROC}",
                f"{constants.ROUTER_VOLUME}:{constants.ROUTER_STATE}",
            ],
            "NetworkMode": "host",
            "Privileged": True,
            "RestartPolicy": {"Name": "always" if restart else "no"},
        },
    }
