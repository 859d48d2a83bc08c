"""Checks of the engine, of the router, and of where the router keeps its state."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from weave_http import __version__, constants
from weave_http.engine.errors import NotFound
from weave_http.host import router_container
from weave_http.host.doctor.finding import Finding, Seen, error, ok, warning

MIB = 1024 * 1024
LEAST_FREE = 16 * MIB
"""What should be free for the state, in bytes; it takes far less."""
_PARTS = {
    "Overlay": "the data plane",
    "Engine": "the engine",
    "Memory": "the state",
    "DNS": "names",
    "Metrics": "metrics",
}


def engine(seen: Seen) -> Iterator[Finding]:
    """Look at the engine's version and API."""
    version = seen.host.engine.system.version()
    platform = (version.get("Platform") or {}).get("Name") or "Docker"
    yield ok(f"{platform} {version.get('Version')}, API {version.get('ApiVersion')}, kernel {os.uname().release}")


def router(seen: Seen) -> Iterator[Finding]:
    """Look whether the router runs, answers, and is of this version."""
    found = seen.container
    name = seen.host.router_container
    if found is None or (found.ours and not found.running):
        yield error("no router runs", "start one: weave launch")
        return
    if not found.ours:
        hint = "rename or remove it, or choose another name by WEAVE_CONTAINER_NAME"
        yield error(f"the container {name} is somebody else's, of image {found.image}", hint)
        return
    if found.status != "running":
        yield error(f"container {name} is {found.status}", f"look into its log: docker logs {name}")
        return
    if not seen.report:
        where = "127.0.0.1:6784, or where WEAVE_HTTP_ADDR says"
        yield error(f"container {name} runs, but no router answers at {where}", f"docker logs {name}")
        return
    version = seen.report.get("Version", "")
    if version != __version__:
        yield warning(f"the router is of version {version}, and this is {__version__}", "replace it: weave upgrade")
        return
    with suppress(NotFound):  # outside of a container there need not be one
        own = router_container.own_image(seen.host)
        if seen.host.engine.images.inspect(own)["Id"] != seen.host.engine.containers.inspect(found.id)["Image"]:
            yield warning(f"the router is of image {found.image}, and not of this {own}", "replace it: weave upgrade")
            return
    yield ok(f"version {version}, image {found.image}")


def parts(seen: Seen) -> Iterator[Finding]:
    """Pass on what the router itself says is wrong."""
    report = seen.report
    found = {label: (report.get(part) or {}).get("Trouble", "") for part, label in _PARTS.items()}
    for label, trouble in found.items():
        if trouble:
            level = warning if label in ("metrics", "names") else error
            yield level(f"{label}: {trouble}", "weave status says it, too")
    if report and not any(found.values()):
        yield ok("the router complains of nothing")


def state(seen: Seen) -> Iterator[Finding]:
    """Look whether the volume with the router's state can be written to."""
    volume = constants.ROUTER_VOLUME
    try:
        where = str(seen.host.engine.volumes.inspect(volume)["Mountpoint"])
    except NotFound:
        yield ok("there is no state yet")
        return
    folder = Path(seen.host.procfs, "1", "root", where.lstrip("/"))
    try:
        disk = os.statvfs(folder)
    except OSError as reason:
        yield warning(
            f"volume {volume} can't be looked at in {where}: {reason.strerror}", "docker volume inspect weavedb"
        )
        return
    free = disk.f_bavail * disk.f_frsize
    if disk.f_flag & os.ST_RDONLY:
        yield error(f"volume {volume} is on a read-only file system, {where}", "mount it for writing")
    elif free < LEAST_FREE or (disk.f_files and not disk.f_favail):
        yield error(f"the disk of volume {volume} is full: {free // MIB} MiB left in {where}", "free some space")
    else:
        yield ok(f"volume {volume} in {where}, {free // MIB} MiB free")
