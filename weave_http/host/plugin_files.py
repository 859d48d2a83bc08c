"""The files by which an engine finds the plugin, and by which it does not wait for one that is not there.

An engine that starts looks its networks' drivers up before it starts a container, the router's own included. For a
plugin that it does not find, and for a socket that nobody listens on, it waits fifteen seconds, again and again: a
minute and more in all. So
* the socket is in the router's container, and what is in the engine's folder is a link by way of the router's process:
  with the process it leads nowhere, and counts as no plugin;
* where there is no socket the engine reads a file on the disk, with an address that it refuses at once, because it is
  too long. It reads as the reason.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from weave_http import constants
from weave_http.errors import HostError
from weave_http.host.host_files import inside

DRIVERS = (constants.NETWORK_DRIVER, constants.IPAM_DRIVER)
_SOCKETS = "/run/docker/plugins"
_SPECS = "/etc/docker/plugins"
_REASON = (
    "unix:///the weave router does not run on this host now, "
    "and containers of its networks start when it does; start it by: weave launch"
)
_MADE = "Made"
"""Field of the file: the folders that were made for it."""


def offer(procfs: str, socket: Path) -> None:
    """Have the engine find the plugin: for as long as this process lives.

    Args:
        procfs: where the host's /proc is mounted.
        socket: in this process's own file system.

    Raises:
        HostError: it can't be written there.
    """
    pid = os.readlink(f"{procfs}/self")
    try:
        folder = inside(_root(procfs), _SOCKETS)
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        for name in DRIVERS:
            new = folder / f".{name}.new"
            new.unlink(missing_ok=True)
            new.symlink_to(f"/proc/{pid}/root{socket}")
            new.replace(folder / f"{name}.sock")
    except OSError as error:
        raise HostError(f"can't write to {_SOCKETS} of the host: {error.strerror or error}") from error


def withdraw(procfs: str, *, mine: bool) -> None:
    """Take the links away, and the folder if it is empty then. Idempotent.

    Args:
        procfs: where the host's /proc is mounted.
        mine: leave those of another process.
    """
    pid = os.readlink(f"{procfs}/self") if mine else ""
    with suppress(OSError):
        folder = inside(_root(procfs), _SOCKETS)
        for name in DRIVERS:
            link = folder / f"{name}.sock"
            if link.is_symlink() and (not mine or os.readlink(link).startswith(f"/proc/{pid}/")):
                link.unlink()


def guard(procfs: str) -> None:
    """Have an engine that starts not wait for the router. Raises `HostError`: it can't be written."""
    try:
        root = _root(procfs)
        folder = inside(root, _SPECS)
        made = [str(Path("/", each.relative_to(root))) for each in (folder, folder.parent) if not each.exists()]
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        for name in DRIVERS:
            path = folder / f"{name}.json"
            if not path.exists():
                path.write_text(json.dumps({"Name": name, "Addr": _REASON, _MADE: made}))
    except OSError as error:
        raise HostError(f"can't write to {_SPECS} of the host: {error.strerror or error}") from error


def unguard(procfs: str) -> None:
    """Take that away again, and the folders that were made for it. Idempotent."""
    root = _root(procfs)
    made: list[str] = []
    with suppress(OSError):
        folder = inside(root, _SPECS)
        for name in DRIVERS:
            path = folder / f"{name}.json"
            with suppress(OSError, ValueError):
                value = json.loads(path.read_bytes())
                if isinstance(value, dict) and value.get("Addr") == _REASON:
                    made = [str(each) for each in value.get(_MADE, [])]
                    path.unlink()
        for each in made:
            if each in (_SPECS, str(Path(_SPECS).parent)):
                inside(root, each).rmdir()


def _root(procfs: str) -> Path:
    return Path(procfs, "1", "root")
