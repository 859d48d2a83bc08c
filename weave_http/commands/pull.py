"""Let the daemon pull an image, and say what else can be done where it can't."""

from __future__ import annotations

from weave_http import constants
from weave_http.commands.caller import Caller, NoMeter
from weave_http.engine.errors import APIError, StreamError


def pull(caller: Caller, image: str, *, platform: str | None = None, quiet: bool = False, missing: bool = True) -> None:
    """Let the daemon fetch an image from its registry: `POST /images/create`.

    Args:
        caller: engine and meter.
        image: reference as `repository[:tag]` or `repository@digest`.
        platform: `OS/ARCH[/VARIANT]`; None for the daemon's own.
        quiet: show no progress.
        missing: the daemon has no such image, so that without a pull there is none.

    Raises:
        EngineError: the registry or the daemon refused; the hint says how to do without a registry.
    """
    meter = NoMeter() if quiet else caller.meter
    meter.update(image, "pulling", 0, 0)
    try:
        with caller.engine.images.pull(image, platform=platform) as steps:
            for step in steps:
                meter.update(step.id or image, step.text, step.current, step.total)
    except (APIError, StreamError) as error:
        if not missing:
            raise StreamError(f"can't pull the image {image}: {error.message}") from error
        raise StreamError(
            f"the Docker host has no image {image}; {_hint(image)} (a pull failed: {error.message})"
        ) from error


def _hint(image: str) -> str:
    """What to do where there is no registry."""
    if image.partition(":")[0] == constants.IMAGE_REPOSITORY:
        return "bring it there by `weave setup` with --build, --from FILE or --from-host ENDPOINT"
    return "check its name, or load it into the engine"
