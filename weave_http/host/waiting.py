"""Containers whose programs don't start before the container is on the network: `weave run` made them so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from weave_http import constants
from weave_http.engine.errors import NotFound
from weave_http.errors import EngineError
from weave_http.host.host import Host
from weave_http.printable import some_of

HINT = "to have them start: weave launch, or weave attach CIDR… NAME for each"


def warn(host: Host) -> None:
    """Name the containers whose programs need a router to start, in one line; no line for none.

    Whatever the engine says to that is no failure.
    """
    names: list[str] = []
    with suppress(EngineError):
        names += _names(host)
    if not names:
        return
    shown = some_of(names)
    host.warn(f"WARNING: without a router these containers wait for the network whenever they start: {shown}; {HINT}")


def _names(host: Host) -> Iterator[str]:
    """Yield the names of containers that have the waiter before their program."""
    for container in host.engine.containers.list(all=True):
        # Looked at here: Podman does not list by where a volume is mounted.
        if not any(mount.get("Destination") == constants.WAITER_FOLDER for mount in container.get("Mounts") or ()):
            continue
        if constants.WAITER_VOLUMES in (container.get("Labels") or {}):
            continue  # it only holds the waiter for others
        with suppress(NotFound):
            found = host.engine.containers.inspect(container["Id"])
            if found["Path"] == constants.WAITER:
                yield str(found["Name"]).removeprefix("/")
