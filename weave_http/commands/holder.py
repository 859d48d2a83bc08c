"""The holder: the container that holds the waiter, which `weave run` puts before a container's own program.

`/w/w` waits until the container is on the network and becomes the program then (`weave_http/image/waiter.c`). It comes
from weave's image, by a container that ends at once and only holds the volume it is in; the user's container has
that volume too, read-only. So the image of the user's may be anything, and nothing is copied.
"""

from __future__ import annotations

from contextlib import ExitStack

from weave_http.commands.caller import Caller
from weave_http.commands.containers import create, pulling, remove
from weave_http.commands.pull import pull_own
from weave_http.engine.run_once import run_once
from weave_http.operations.holder_body import holder_of


def provide(caller: Caller) -> str:
    """Make the daemon have the container that holds the waiter, and return its name.

    `weave reset` removes it.
    A new one is started once, and ends at once: Docker fills its volume from the image when it is created, Podman when
    it is mounted first. One that another command is making is waited for.

    Args:
        caller: engine and meter.

    Raises:
        EngineError: the daemon refused, or its image of weave has no waiter.
    """
    image = caller.image
    found = pulling(lambda: caller.engine.images.inspect(image), lambda: pull_own(caller))
    name, config = holder_of(image, found)
    with ExitStack() as scope:
        run_once(
            caller.engine,
            name,
            lambda: create(caller, config, scope, name=name),
            lambda identity: remove(caller, identity),
        )
    caller.signals.check()
    return name
