"""`run CIDR… [docker run options] IMAGE [COMMAND…]`, typed on the host itself: create, start, attach, print the id.

A caller elsewhere does not need it: there the container is created and started by calls of the caller's own.
"""

from __future__ import annotations

from weave_http.addresses import leading_cidrs
from weave_http.engine import Created
from weave_http.engine.errors import NotFound
from weave_http.errors import ExitCode
from weave_http.host.attach import join
from weave_http.host.host import Host
from weave_http.host.joining import Joining
from weave_http.local.interrupts import held_back
from weave_http.run_args import CreateRequest, parse


def run(host: Host, words: list[str]) -> int:
    """Start a container that is on the network; if anything fails, it is removed again.

    Raises:
        UsageError: no CIDR first.
        WeaveError: it did not work; nothing is left.
    """
    cidrs, rest = leading_cidrs(words)
    addresses = list(map(str, cidrs))
    request = parse(rest, environ=host.env).detached()
    for line in request.warnings:
        host.warn(f"WARNING: {line}")
    with held_back():
        created = _created(host, request)
    try:
        for line in created.warnings:
            host.warn(f"WARNING: {line}")
        host.engine.containers.start(created.id)
        join(host, Joining(tuple(addresses), request.name or created.id), host.container(created.id))
    except BaseException:
        host.engine.containers.remove(created.id, force=True, volumes=True)
        raise
    host.say(created.id)
    return ExitCode.OK


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
