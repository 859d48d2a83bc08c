"""`reset`: nothing of weave's stays on this host."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path, PurePosixPath

from weave_http import constants
from weave_http.engine.errors import NotFound
from weave_http.errors import HostError
from weave_http.host import docker_networks, leftovers, resident_container, waiting
from weave_http.host.host import Host
from weave_http.host.host_files import inside
from weave_http.host.router_api import RouterError, RouterUnavailable
from weave_http.host.router_container import ROLE
from weave_http.host.stop import stop_router
from weave_http.operations import Reset


def run(host: Host, op: Reset) -> None:
    """Stop the router, and remove its memory, the bridge, veths, rules, and what killed callers left. Idempotent.

    Raises:
        WeaveError: it did not work.
    """
    # First the router has to know that this host leaves: the networks that go now are the other hosts' as before.
    with suppress(RouterUnavailable, RouterError):
        host.router.give_back()
    docker_networks.remove(host)
    stop_router(host, remove=True)
    with suppress(HostError):
        resident_container.end(host)
    _remove_stopped_routers(host)
    with suppress(NotFound):
        host.engine.volumes.remove(constants.ROUTER_VOLUME, force=False)
    _remove_proxy_folder(host)
    leftovers.sweep(host, unlabelled=True, ended=True)
    waiting.warn(host)
    _remove_waiters(host)

    from weave_http.net import firewall, teardown

    teardown.destroy()
    firewall.remove()


def _remove_stopped_routers(host: Host) -> None:
    """Remove routers that were stopped under other names (`WEAVE_CONTAINER_NAME`): they hold the volume."""
    filters = {"label": [f"{constants.ROLE_LABEL}={ROLE}"], "status": ["created", "exited"]}
    for container in host.engine.containers.list(all=True, filters=filters):
        with suppress(NotFound):
            host.engine.containers.remove(container["Id"], force=True)


def _remove_proxy_folder(host: Host) -> None:
    """Remove the folder of the router's socket, and the socket of a router that was killed."""
    with suppress(OSError):
        folder = inside(Path(host.procfs, "1", "root"), constants.PROXY_FOLDER)
        (folder / PurePosixPath(constants.PROXY_SOCKET).name).unlink(missing_ok=True)
        folder.rmdir()


def _remove_waiters(host: Host) -> None:
    """Remove the containers that hold a waiter's volume, of whatever version; containers that use one keep it."""
    for container in host.engine.containers.list(all=True, filters={"label": [constants.WAITER_VOLUMES]}):
        if constants.WAITER_VOLUMES in (container.get("Labels") or {}):
            with suppress(NotFound):
                host.engine.containers.remove(container["Id"], force=True, volumes=True)
