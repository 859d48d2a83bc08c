"""The holder: the container that holds the waiter, which `weave run` puts before a container's own program.

`/w/w` waits until the container is on the network and becomes the program then (`weave_http/image/waiter.c`). It comes
from weave's image, by a container that ends at once and only holds the volume it is in; the user's container has
that volume too, read-only. So the image of the user's may be anything, and nothing is copied.
"""

from __future__ import annotations

from contextlib import ExitStack

from weave_http import constants
from weave_http.commands.caller import Caller
from weave_http.commands.containers import create, pulling, remove
from weave_http.commands.pull import pull_own
from weave_http.engine.errors import Conflict
from weave_http.errors import EngineError

NO_PROGRAM = "/usr/bin/env"
"""What a holder runs: it ends at once, and with 0, so that nobody takes it for something that failed."""


def provide(caller: Caller) -> str:
    """Make the daemon have the container that holds the waiter, and return its name.

    Its name has the image's id, so that another image of the same name brings its own waiter. `weave reset` removes it.
    A new one is started once, and ends at once: Docker fills its volume from the image when it is created, Podman when
    it is mounted first.

    Args:
        caller: engine and meter.

    Raises:
        EngineError: the daemon refused, or its image of weave has no waiter.
    """
    image = caller.image
    found = pulling(lambda: caller.engine.images.inspect(image), lambda: pull_own(caller))
    if constants.WAITER_LABEL not in ((found.get("Config") or {}).get("Labels") or {}):
        raise EngineError(
            f"the image {image} has no {constants.WAITER}",
            hint="bring this version's there by `weave setup`, or say --no-wait",
        )
    name = f"{constants.WAITER_VOLUMES}-{str(found['Id']).rpartition(':')[2][:12]}"
    config = {
        "Image": image,
        "Entrypoint": [NO_PROGRAM],
        "Labels": {constants.WAITER_VOLUMES: ""},
        "Volumes": {constants.WAITER_FOLDER: {}},
    }
    with ExitStack() as scope:
        try:
            created = create(caller, config, scope, name=name)
        except Conflict:
            return name  # it is there already
        try:
            caller.engine.containers.start(created.id)
        except BaseException:
            remove(caller, created.id)
            raise
    caller.signals.check()
    return name
