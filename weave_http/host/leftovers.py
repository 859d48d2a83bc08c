"""What callers that were killed could not take away: containers of executors that have ended, or were never started.

The next operation that works with the engine does it for them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress

from weave_http import constants
from weave_http.engine.errors import NotFound
from weave_http.errors import EngineError
from weave_http.hints import Any
from weave_http.host.host import Host

EXECUTOR = "executor"
"""The role that an executor's container has as its label."""
SECONDS = 60
"""What is younger may be in use: its caller is about to start it, or reads its last words."""
_IDLE = ["created", "exited"]


def sweep(host: Host, *, unlabelled: bool = False, ended: bool = False) -> None:
    """Remove executors that are a minute old and don't run. Whatever the engine says to that is no failure.

    Args:
        host: where.
        unlabelled: look at all containers that don't run, also for executors without a label, of older callers.
        ended: remove those that have ended however young they are.
    """
    filters = {"status": _IDLE}
    if not unlabelled:
        filters["label"] = [f"{constants.ROLE_LABEL}={EXECUTOR}"]
    with suppress(EngineError):
        for container in host.engine.containers.list(all=True, filters=filters):
            young = time.time() - container["Created"] < SECONDS
            if young and not (ended and container["State"] == "exited"):
                continue
            with suppress(NotFound):
                if _is_executor(host, container):
                    host.engine.containers.remove(container["Id"], force=True)


def _is_executor(host: Host, container: Mapping[str, Any]) -> bool:
    """Tell whether a container in the engine's list is an executor's."""
    if (container.get("Labels") or {}).get(constants.ROLE_LABEL) == EXECUTOR:
        return True
    # Podman leaves the entrypoint out here, so that this alone could be anybody's.
    if "--local" not in container["Command"]:
        return False
    found = host.engine.containers.inspect(container["Id"])
    return [found["Path"], *found["Args"][:1]] == [constants.EXECUTOR_PROGRAM, "--local"]
