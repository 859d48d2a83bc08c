"""`stop`: end the router; containers of this host keep reaching each other."""

from __future__ import annotations

from contextlib import suppress

from weave_http.engine.errors import APIError
from weave_http.errors import HostError
from weave_http.host import resident_container, waiting
from weave_http.host.host import Host
from weave_http.host.router_api import RouterError, RouterUnavailable
from weave_http.host.router_container import Found, find
from weave_http.host.upgrade_settling import settle
from weave_http.operations import Operation


def run(host: Host, op: Operation) -> None:
    """Let the router say goodbye to its peers, and stop its container. It stays, for `docker logs`, until `launch`.

    The resident executor goes.

    Raises:
        WeaveError: it did not work.
    """
    was_running = stop_router(host, remove=False)
    with suppress(HostError):
        resident_container.end(host)
    if was_running:
        waiting.warn(host)
    else:
        host.warn("Weave is not running.")


def stop_router(host: Host, *, remove: bool) -> bool:
    """Stop the router if there is one; return whether it was running.

    Args:
        host: where.
        remove: whether nothing of its container is to stay. One that never ran goes in any case.
    """
    settle(host)
    container = find(host)
    if container is None or not container.ours:
        return False
    remove = remove or container.status == "created" or not _stays_stopped(host, container)
    said_goodbye = False
    if container.running:
        try:
            host.router.leave()
            said_goodbye = True
        except (RouterUnavailable, RouterError):
            pass  # it hangs, or has not come up: then it is ended without ceremony
        host.engine.containers.stop(container.id)
    if remove:
        host.engine.containers.remove(container.id, force=True)
    if not said_goodbye:
        from weave_http.net import teardown

        teardown.leave()
    return container.running


def _stays_stopped(host: Host, container: Found) -> bool:
    """Have the engine not start a container when it or the host starts anew; return whether it takes that."""
    try:
        host.engine.containers.update(container.id, {"RestartPolicy": {"Name": "no"}})
    except APIError:
        return False
    return True
