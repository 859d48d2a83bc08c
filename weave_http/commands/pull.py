"""Let the daemon pull an image, and say what else can be done where it can't."""

from __future__ import annotations

from weave_http import names
from weave_http.commands.caller import Caller
from weave_http.engine.errors import APIError, StreamError


def pull(caller: Caller, image: str) -> None:
    """Let the daemon fetch an image from its registry.

    Args:
        caller: engine and meter.
        image: reference as `repository[:tag]` or `repository@digest`.

    Raises:
        EngineError: the registry or the daemon refused; the hint says how to do without a registry.
    """
    caller.meter.update(image, "pulling", 0, 0)
    try:
        with caller.engine.images.pull(image) as steps:
            for step in steps:
                caller.meter.update(step.id or image, step.text, step.current, step.total)
    except (APIError, StreamError) as error:
        raise StreamError(
            f"the Docker host has no image {image}; {_hint(image)} (a pull failed: {error.message})"
        ) from error


def _hint(image: str) -> str:
    """What to do where there is no registry."""
    if image.partition(":")[0] == names.IMAGE_REPOSITORY:
        return "bring it there by `weave setup --build` or `weave setup --from FILE`"
    return "check its name, or load it into the engine"
