"""`stop`: end the router; containers of this host keep reaching each other."""

from __future__ import annotations

from weave_http.host.host import Host
from weave_http.host.router_api import RouterError, RouterUnavailable
from weave_http.host.router_container import find
from weave_http.operations import Operation


def run(host: Host, op: Operation) -> None:
    """Let the router say goodbye to its peers, stop its container and remove it.

    Raises:
        WeaveError: it did not work.
    """
    if not stop_router(host):
        host.warn("Weave is not running.")


def stop_router(host: Host) -> bool:
    """Stop and remove the router if there is one; return whether it was running."""
    container = find(host)
    if container is None or not container.ours:
        return False
    said_goodbye = False
    if container.running:
        try:
            host.router.leave()
            said_goodbye = True
        except (RouterUnavailable, RouterError):
            pass  # it hangs, or has not come up: then it is ended without ceremony
        host.engine.containers.stop(container.id)
    host.engine.containers.remove(container.id, force=True)
    if not said_goodbye:
        from weave_http.net.vxlan import remove_vxlan

        remove_vxlan()
    return container.running
