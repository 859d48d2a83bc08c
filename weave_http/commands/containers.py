"""Create a container, pulling its image when the daemon has none, as docker does; and take it away again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from weave_http.commands.caller import Caller
from weave_http.commands.pull import pull
from weave_http.engine import Created
from weave_http.engine.errors import Conflict, NotFound

Result = TypeVar("Result")


def create(caller: Caller, config: Mapping[str, Any], *, name: str | None = None) -> Created:
    """Create a container; on "no such image" pull the image and create it again.

    Args:
        caller: engine and meter.
        config: create body.
        name: the container's name, if the user gave one.

    Raises:
        EngineError: creation or the pull failed.
    """
    image = str(config["Image"])
    return pulling(lambda: caller.engine.containers.create(config, name=name), lambda: pull(caller, image))


def pulling(act: Callable[[], Result], fetch: Callable[[], None]) -> Result:
    """Do something that takes an image; on "no such image" pull it and do it again.

    Args:
        act: what to do.
        fetch: pulls the image.
    """
    try:
        return act()
    except NotFound as error:
        if "image" not in error.message.lower():
            raise
        fetch()
    return act()


def remove(caller: Caller, container: str) -> None:
    """Remove a container whatever its state, with its anonymous volumes; one that is gone already is fine.

    Args:
        caller: engine.
        container: id.
    """
    with suppress(NotFound):
        try:
            caller.engine.containers.remove(container, force=True, volumes=True)
        except Conflict as error:
            # It had AutoRemove and has just ended: the daemon is about it.
            if "already in progress" not in error.message:
                raise
