"""What an `upgrade` that was killed left: two routers' containers, of which one is to stay."""

from __future__ import annotations

from weave_http.host.host import Host
from weave_http.host.router_container import find


def previous_name(host: Host) -> str:
    """Return what the container of a router is called while the one that replaces it starts."""
    return f"{host.router_container}-previous"


def settle(host: Host) -> None:
    """Have one router's container: the new one if it runs alone, else the one before. Idempotent.

    Args:
        host: where.

    Raises:
        EngineError: the engine refused.
    """
    containers = host.engine.containers
    before = find(host, previous_name(host))
    if before is None or not before.ours:
        return
    now = find(host)
    if now is not None and now.ours and now.running and not before.running:
        containers.remove(before.id, force=True)
        return
    if now is not None and now.ours:
        containers.remove(now.id, force=True)
    containers.rename(before.id, host.router_container)
    containers.start(before.id)
