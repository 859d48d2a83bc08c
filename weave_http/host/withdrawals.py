"""What was taken from a container, or from the host, while no router ran: a note in the router's state of each time.

The router would give the container its addresses again. The next one reads the notes before anything else.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection

from weave_http import constants
from weave_http.addresses import Cidr, parse_cidr
from weave_http.engine.errors import NotFound
from weave_http.errors import UsageError
from weave_http.host import router_container
from weave_http.host.host import Host
from weave_http.host.leftovers import EXECUTOR
from weave_http.signals import held_back

FILES = "withdrawn-*.json"
"""Names, in the router's state, of the files with a note each."""


def note(host: Host, owner: str, addresses: Collection[Cidr]) -> None:
    """Leave a note for the next router, where there was one before.

    The volume is reached by a container that has it, and is never started: `POST /containers/create`, `PUT
    /containers/ID/archive`, `DELETE /containers/ID`.

    Args:
        host: where.
        owner: full container id, or `weave:expose`.
        addresses: that it does not have any more.

    Raises:
        EngineError: it can't be done.
    """
    if not addresses:
        return
    try:
        host.engine.volumes.inspect(constants.ROUTER_VOLUME)
    except NotFound:
        return
    body = {
        "Image": router_container.own_image(host),
        "Labels": {constants.ROLE_LABEL: EXECUTOR},
        "HostConfig": {"Binds": [f"{constants.ROUTER_VOLUME}:{constants.ROUTER_STATE}"], "NetworkMode": "none"},
    }
    created = None
    try:
        with held_back():
            created = host.engine.containers.create(body)
        name = FILES.replace("*", str(time.time_ns()))
        router_container.keep(host, created.id, name, packed(owner, addresses))
    finally:
        if created is not None:
            host.engine.containers.remove(created.id, force=True)


def packed(owner: str, addresses: Collection[Cidr]) -> bytes:
    """Return what a note says."""
    return json.dumps({"owner": owner, "addresses": list(map(str, addresses))}).encode()


def read(content: bytes) -> tuple[str, tuple[Cidr, ...]]:
    """Return the owner and the addresses in a note. Raises `ValueError`: it is none."""
    try:
        value = json.loads(content)
        return str(value["owner"]), tuple(parse_cidr(str(text)) for text in value["addresses"])
    except (TypeError, KeyError, RecursionError, UsageError) as error:
        raise ValueError(str(error)) from error
