"""A container of a fixed name that is to have run once, while others may be about the same."""

from __future__ import annotations

import time
from collections.abc import Callable

from weave_http.engine.client import Engine
from weave_http.engine.containers import Created
from weave_http.engine.errors import Conflict, NotFound

MAKING_SECONDS = 60.0
"""How long a name may be taken while there is no such container: a daemon reserves it first."""
STARTING_SECONDS = 2.0
"""How long a container may be there without having been started: whoever made it may have been killed."""
_PAUSE_SECONDS = 0.05


def run_once(engine: Engine, name: str, create: Callable[[], Created], remove: Callable[[str], None]) -> None:
    """Have a container that has been started, whoever makes it; return when it can be used.

    While another one makes it, its name is taken and it can't be found: `POST /containers/create` is answered by 409,
    and what refers to it by 404.

    Args:
        engine: the daemon's API.
        name: of the container.
        create: `Containers.create` by that name.
        remove: removes the container of an id; called if it could be made and not started.

    Raises:
        Conflict: the name is taken, and there is no such container for a minute.
        EngineError: the daemon refused.
    """
    begun = time.monotonic()
    while True:
        try:
            made = create()
        except Conflict as taken:
            waited = time.monotonic() - begun
            try:
                status = engine.containers.inspect(name)["State"]["Status"]
            except NotFound:
                if waited > MAKING_SECONDS:
                    raise taken from None
            else:
                if status != "created":
                    return
                if waited > STARTING_SECONDS:
                    engine.containers.start(name)
                    return
            time.sleep(_PAUSE_SECONDS)
        else:
            break
    try:
        engine.containers.start(made.id)
    except BaseException:
        remove(made.id)
        raise
