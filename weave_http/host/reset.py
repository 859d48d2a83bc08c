"""`reset`: nothing of weave's stays on this host."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from weave_http import constants
from weave_http.engine.errors import NotFound
from weave_http.host.host import Host
from weave_http.host.stop import stop_router
from weave_http.operations import Reset

STARTING_SECONDS = 60


def run(host: Host, op: Reset) -> None:
    """Stop the router, and remove its memory, the bridge, veths, rules, and what killed callers left. Idempotent.

    Raises:
        WeaveError: it did not work.
    """
    stop_router(host)
    with suppress(NotFound):
        host.engine.volumes.remove(constants.ROUTER_VOLUME, force=False)

    _sweep(host)
    _remove_waiters(host)

    from weave_http.net import bridge, firewall

    bridge.destroy()
    firewall.remove()


def _sweep(host: Host) -> None:
    """Remove executors whose callers were killed before they could.

    One that was created and never started may be about to be, so it is given a minute.
    """
    for container in host.engine.containers.list(all=True, filters={"status": ["created", "exited"]}):
        waiting = container["State"] == "created" and time.time() - container["Created"] < STARTING_SECONDS
        # Podman leaves the entrypoint out here, so that this alone could be anybody's.
        if "--local" not in container["Command"] or waiting:
            continue
        with suppress(NotFound):
            if _is_executor(host.engine.containers.inspect(container["Id"])):
                host.engine.containers.remove(container["Id"], force=True)


def _is_executor(container: Mapping[str, Any]) -> bool:
    return [container["Path"], *container["Args"][:1]] == [constants.EXECUTOR_PROGRAM, "--local"]


def _remove_waiters(host: Host) -> None:
    """Remove the containers that hold a waiter's volume, of whatever version; containers that use one keep it."""
    for container in host.engine.containers.list(all=True, filters={"label": [constants.WAITER_VOLUMES]}):
        if constants.WAITER_VOLUMES in (container.get("Labels") or {}):
            with suppress(NotFound):
                host.engine.containers.remove(container["Id"], force=True, volumes=True)
