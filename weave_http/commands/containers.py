"""Create a container, pulling its image when the daemon has none, as docker does; and take it away again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from typing import Any, TypeVar

from weave_http.commands.caller import Caller
from weave_http.commands.signals import Holding, Undoing
from weave_http.engine import Created
from weave_http.engine.errors import APIError, Conflict, NotFound

Result = TypeVar("Result")


def create(
    caller: Caller,
    config: Mapping[str, Any],
    scope: ExitStack,
    *,
    name: str | None = None,
    platform: str | None = None,
) -> Created:
    """Create a container.

    The call is not broken off by a signal, or a container would be left that nobody knows. Once there is one, signals
    are `Undoing`'s until `scope` is closed.

    Args:
        caller: engine and signals.
        config: create body.
        scope: open as long as the container may have to be removed.
        name: the container's name, if the user gave one.
        platform: `OS/ARCH[/VARIANT]`, if the user gave one.

    Raises:
        EngineError: the daemon refused.
        Interrupted: a signal came, and there is no container.
    """
    signals = caller.signals
    with ExitStack() as held:
        held.enter_context(signals.under(Holding()))
        signals.check()  # one may have been delivered before
        try:
            created = caller.engine.containers.create(config, name=name, platform=platform)
        except APIError:
            signals.check()
            raise
        signals.become(Undoing())
        scope.push(held.pop_all())
    return created


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
        caller: engine and signals; the call is not broken off by one.
        container: id.
    """
    with caller.signals.under(Holding()), suppress(NotFound):
        try:
            caller.engine.containers.remove(container, force=True, volumes=True)
        except Conflict as error:
            # It had AutoRemove and has just ended: the daemon is about it.
            if "already in progress" not in error.message:
                raise
