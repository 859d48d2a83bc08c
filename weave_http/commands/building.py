"""Weave's image made anew: on this machine if it is a Debian, else on the Docker host. The way taken is said."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from weave_http.commands.caller import Caller
from weave_http.commands.pull import pull
from weave_http.engine.errors import APIError, NotFound, StreamError
from weave_http.errors import EngineError, WeaveError

if TYPE_CHECKING:
    from weave_http.image.context import Context

ARCHIVE_VARIABLE = "WEAVE_DEBIAN_ARCHIVE"
"""Names another archive of Debian's packages than Debian's own, for images made without a base."""
_DEBIAN = {"arm": "armhf", "386": "i386", "ppc64le": "ppc64el"}


def cache_folder(caller: Caller) -> Path:
    """Return where packages and images are kept: `$XDG_CACHE_HOME/weave-http`."""
    environ = caller.environ
    home = Path(environ["HOME"]) if environ.get("HOME") else Path.home()
    return Path(environ.get("XDG_CACHE_HOME") or home / ".cache") / "weave-http"


def built_here(caller: Caller, architecture: str) -> Path | None:
    """Build the image's archive on this machine, and return its path; nothing if it can't be for that Docker host.

    Args:
        caller: environment and where notes go.
        architecture: the daemon's, as it names it.

    Raises:
        WeaveError: the build failed.
    """
    from weave_http.image import apt, build_image

    try:
        system = apt.machine()
    except WeaveError:
        return None
    if system.architecture != _DEBIAN.get(architecture, architecture):
        return None
    caller.note(f"weave: building the image on this machine, from packages of {system.release}")
    cache = cache_folder(caller)
    cache.mkdir(parents=True, exist_ok=True)
    return build_image(cache / "weave.tar", cache=cache, tag=caller.image, report=_shown(caller)).path


def build_on_host(caller: Caller, architecture: str) -> None:
    """Have the daemon build the image: on one of Debian's images, else from packages that are fetched here.

    Args:
        caller: engine, environment, and where notes go.
        architecture: the daemon's, as it names it.

    Raises:
        WeaveError: neither way works; the line says why.
    """
    from weave_http.image import context

    base = _base(caller, context.BASES)
    if base:
        caller.note(f"weave: building the image on the Docker host, from {base} and the packages it fetches")
        try:
            _build(caller, context.with_base(base, caller.image), caller.image)
        except WeaveError as error:
            caller.note(f"weave: {error}; trying packages that are fetched here")
        else:
            return
    _build_from_packages(caller, architecture)


def _build_from_packages(caller: Caller, architecture: str) -> None:
    from weave_http.image import context, mirror

    images = caller.engine.images
    system = context.debian(architecture)
    archive = caller.environ.get(ARCHIVE_VARIABLE) or mirror.ARCHIVE
    half = context.half_name(system)
    caller.note(f"weave: building the image on the Docker host, from packages of {archive}, fetched here")
    try:
        known = images.inspect(half)
    except NotFound:
        lower = context.lower_half(system, cache_folder(caller), archive=archive, report=_shown(caller))
        _build(caller, lower, half)
        for left in images.list(filters={"dangling": ["true"], "label": [context.STAGE_LABEL]}):
            with suppress(APIError):  # nothing needs it; perhaps another build is about to use it
                images.remove(str(left["Id"]))
        known = images.inspect(half)
    _build(caller, context.upper_half(system, str(known["Id"]), caller.image), caller.image)


def _base(caller: Caller, bases: Iterable[str]) -> str:
    """Return an image of Debian that the daemon has, or pulls now; nothing if it can't."""
    bases = list(bases)
    there = {tag for image in caller.engine.images.list() for tag in image.get("RepoTags") or []}
    for base in bases:
        if there & {base, f"docker.io/library/{base}"}:
            return base
    try:
        pull(caller, bases[0], missing=False)
    except EngineError as error:
        caller.note(f"weave: the Docker host has no image of Debian; {error.message}")
        return ""
    return bases[0]


def _build(caller: Caller, context: Context, tag: str) -> None:
    """Send a context, and show its steps.

    Raises:
        WeaveError: a step failed; the line has the step and what it said last.
    """
    step, said = "", deque[str](maxlen=20)
    try:
        with caller.engine.images.build(context, tags=[tag], arguments=context.arguments) as steps:
            for progress in steps:
                for line in progress.text.splitlines():
                    if line.startswith("Step "):
                        step = " ".join(line.split())
                        said.clear()
                        caller.meter.update(tag, step, 0, 0)
                    elif line.strip() and not line.startswith((" --->", "Removing intermediate container")):
                        said.append(line)
    except (APIError, StreamError) as error:
        from weave_http.image.tools import reason

        words = [error.message, *([reason("\n".join(said))] if said else [])]
        where = f"{caller.engine.where}, {step.partition(' :')[0].lower()}" if step else caller.engine.where
        raise WeaveError(f"the image can't be built on {where}: {' '.join('; '.join(words).split())}") from error
    finally:
        caller.meter.end()


def _shown(caller: Caller) -> Callable[[str], None]:
    """Return what shows a build's steps where transfers are shown."""
    return lambda line: caller.meter.update(caller.image, line, 0, 0)
