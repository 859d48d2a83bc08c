"""`start` and `restart`: start a container, and join it to the network."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from weave_http.engine.errors import InvalidReference, NotFound
from weave_http.errors import EngineError, HostError
from weave_http.host.attach import join
from weave_http.host.host import Host
from weave_http.operations import Restart, Start


def run(host: Host, op: Start) -> None:
    """Start a container that was stopped, attach it, and print its name as it was given.

    Raises:
        WeaveError: it did not work; a container that did not run before doesn't run now.
    """
    _begin(host, op, host.engine.containers.start)


def restart(host: Host, op: Restart) -> None:
    """Stop a container, start it again, attach it, and print its name as it was given.

    Raises:
        WeaveError: it did not work; a container that did not run before doesn't run now.
    """
    _begin(host, op, host.engine.containers.restart)


def _begin(host: Host, op: Start | Restart, start: Callable[[str], None]) -> None:
    before = host.container(op.container)
    try:
        start(before["Id"])
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
