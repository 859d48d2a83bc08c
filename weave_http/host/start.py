"""`start` and `restart`: start a container, and join it to the network."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from weave_http.engine.errors import APIError, InvalidReference, NotFound
from weave_http.errors import EngineError, HostError
from weave_http.hints import Any
from weave_http.host.attach import join
from weave_http.host.host import Host
from weave_http.operations import Restart, Start

_GRACE_SECONDS = 10
"""Docker's own, for a container that was made without one."""
_STOPPING_SECONDS = 10
"""How much longer than its grace the stop of a container may take."""
_PAUSE_SECONDS = 0.2


def run(host: Host, op: Start) -> None:
    """Start a container that was stopped, attach it, and print its name as it was given.

    Raises:
        WeaveError: it did not work; a container that did not run before doesn't run now.
    """
    _begin(host, op, lambda found: host.engine.containers.start(found["Id"]))


def restart(host: Host, op: Restart) -> None:
    """Stop a container, start it again, attach it, and print its name as it was given.

    Raises:
        WeaveError: it did not work; a container that did not run before doesn't run now.
    """
    _begin(host, op, lambda found: _restart(host, found["Id"], _grace(found)))


def _restart(host: Host, container: str, grace: int) -> None:
    """Restart a container; on Podman, which refuses one that is being stopped, once that is over.

    Args:
        host: where it is.
        container: id.
        grace: seconds between SIGTERM and SIGKILL.

    Raises:
        APIError: the engine refused.
    """
    deadline = time.monotonic() + grace + _STOPPING_SECONDS
    while True:
        try:
            return host.engine.containers.restart(container, timeout=grace)
        except APIError:
            is_stopping = host.container(container)["State"]["Status"] == "stopping"
            if not is_stopping or time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE_SECONDS)


def _grace(found: dict[str, Any]) -> int:
    """Return the seconds between SIGTERM and SIGKILL that a container is to have; unasked, Podman gives it none."""
    seconds = (found.get("Config") or {}).get("StopTimeout")
    return _GRACE_SECONDS if seconds is None else int(seconds)


def _begin(host: Host, op: Start | Restart, start: Callable[[dict[str, Any]], None]) -> None:
    before = host.container(op.container)
    try:
        start(before)
    except (InvalidReference, NotFound) as error:
        raise HostError(error.message) from error
    try:
        join(host, op, host.container(before["Id"]))
    except BaseException:
        if not before["State"]["Running"]:
            with suppress(EngineError):  # the first failure is the one to tell
                host.engine.containers.stop(before["Id"])
        raise
    host.say(op.container)
