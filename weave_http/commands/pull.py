"""Has the daemon pull an image; where it can't or must not, says what else to do."""

from __future__ import annotations

from weave_http.commands.caller import Caller, NoMeter
from weave_http.engine.errors import APIError, StreamError
from weave_http.errors import EngineError

WAYS = "bring it there by `weave setup` with --build, --from FILE or --from-host ENDPOINT"


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
    _pull(caller, image, "check its name, or load it into the engine" if missing else "", platform, quiet)


def pull_own(caller: Caller) -> None:
    """Let the daemon fetch Weave's image, which it has not.

    Only an image that `$EXEC_IMAGE` names is fetched. The default one is in no registry of ours: whoever registered
    its name there would have a privileged program on every host.

    Args:
        caller: engine, environment and meter.

    Raises:
        EngineError: there is no name, or the registry or the daemon refused; the hint says what to do.
    """
    if caller.environ.get("EXEC_IMAGE"):
        _pull(caller, caller.image, WAYS, None, False)
        return
    raise EngineError(
        f"the Docker host has no image {caller.image}", hint=f"{WAYS}, or name one of a registry in EXEC_IMAGE"
    )


def _pull(caller: Caller, image: str, otherwise: str, platform: str | None, quiet: bool) -> None:
    """Pull an image.

    Args:
        otherwise: what to do where there is no registry, if there is no image without it.
    """
    meter = NoMeter() if quiet else caller.meter
    meter.update(image, "pulling", 0, 0)
    try:
        with caller.engine.images.pull(image, platform=platform) as steps:
            for step in steps:
                meter.update(step.id or image, step.text, step.current, step.total)
    except (APIError, StreamError) as error:
        if not otherwise:
            raise StreamError(f"can't pull the image {image}: {error.message}") from error
        raise StreamError(
            f"the Docker host has no image {image}; {otherwise} (a pull failed: {error.message})"
        ) from error
    finally:
        meter.end()
