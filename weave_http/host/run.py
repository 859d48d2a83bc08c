"""`run`, typed on the host itself: create, start, attach, print the id.

A caller elsewhere does not need it: there the container is created and started by calls of the caller's own.
"""

from __future__ import annotations

from weave_http.engine import Created
from weave_http.engine.errors import NotFound
from weave_http.errors import HostError
from weave_http.host.attach import join
from weave_http.host.dns_args import options
from weave_http.host.host import Host
from weave_http.operations import Attach, Run
from weave_http.operations.create_body import NAMELESS, Names, named
from weave_http.records import replace
from weave_http.run_args import CreateRequest, parse
from weave_http.signals import held_back


def run(host: Host, op: Run) -> None:
    """Start a container that is on the network; if anything fails, it is removed again.

    Raises:
        WeaveError: it did not work; nothing is left.
    """
    request = parse(op.arguments, environ=host.env).detached()
    if op.names:
        request = replace(request, config=named(request.config, request.name or "", _names(host)))
    for line in request.warnings:
        host.warn(f"WARNING: {line}")
    with held_back():
        created = _created(host, request)
    try:
        for line in created.warnings:
            host.warn(f"WARNING: {line}")
        host.engine.containers.start(created.id)
        join(host, Attach(op.addresses, request.name or created.id), host.container(created.id))
    except BaseException:
        host.engine.containers.remove(created.id, force=True, volumes=True)
        raise
    host.say(created.id)


def _names(host: Host) -> Names | None:
    """Return the router's name server; None, and a line that says why, where there is no router."""
    try:
        return Names.of(options(host, ()))
    except HostError as error:
        host.warn(f"WARNING: {NAMELESS}: {error}")
        return None


def _created(host: Host, request: CreateRequest) -> Created:
    """Create the container, and pull its image where the engine has none."""
    create = host.engine.containers.create
    try:
        return create(request.config, name=request.name, platform=request.platform)
    except NotFound as error:
        if "image" not in error.message.lower() or request.pull == "never":
            raise
    with host.engine.images.pull(str(request.config["Image"]), platform=request.platform) as steps:
        for _ in steps:
            pass
    return create(request.config, name=request.name, platform=request.platform)
