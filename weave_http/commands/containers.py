"""Create a container, pulling its image when the daemon has none, as docker does; and take it away again."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from weave_http.commands.caller import Caller
from weave_http.commands.pull import pull
from weave_http.engine import Created
from weave_http.engine.errors import NotFound


def create(caller: Caller, config: Mapping[str, Any], *, name: str | None = None) -> Created:
    """Create a container; on "no such image" pull the image and create it again.

    Args:
        caller: engine and meter.
        config: create body.
        name: the container's name, if the user gave one.

    Raises:
        EngineError: creation or the pull failed.
    """
    call = caller.engine.containers.create
    try:
        return call(config, name=name)
    except NotFound as error:
        if "image" not in error.message.lower():
            raise
        pull(caller, str(config["Image"]))
    return call(config, name=name)


def remove(caller: Caller, container: str) -> None:
    """Remove a container whatever its state, with its anonymous volumes; one that is gone already is fine.

    Args:
        caller: engine.
        container: id.
    """
    with suppress(NotFound):
        caller.engine.containers.remove(container, force=True, volumes=True)
