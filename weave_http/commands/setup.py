"""`weave setup`: bring the image to the daemon, from its registry, from a file, or from another daemon."""

from __future__ import annotations

from pathlib import Path

from weave_http.commands.caller import Caller
from weave_http.commands.pull import pull
from weave_http.engine import Engine
from weave_http.engine.errors import NotFound
from weave_http.errors import EngineError

LOADED = "Loaded image: "
"""What a daemon says of each image that it has loaded, before its name."""


def setup(caller: Caller, source: Path | Engine | None = None) -> int:
    """Make the daemon have the image.

    Args:
        caller: engine, streams, environment and meter.
        source: a docker archive (as `weave image build` or `docker save` write it) to load, or another daemon, from
            which the image goes over as a stream; without one the daemon pulls the image from its registry.

    Raises:
        WeaveError: the file is no such archive.
        EngineError: the daemon refused it, or the other one does not have it.
    """
    if isinstance(source, Engine):
        return _copy(caller, source)
    if source is None:
        pull(caller, caller.image)
        caller.say(caller.image)
        return 0
    from weave_http.commands.archive import Archive, archive_identity

    tags, image_id = archive_identity(source)
    if not _present(caller, tags, image_id):
        with caller.engine.images.load(Archive(source, caller)) as steps:
            for step in steps:
                caller.meter.update(step.id or source.name, step.text, step.current, step.total)
    for tag in tags:
        caller.say(tag)
    return 0


def _copy(caller: Caller, source: Engine) -> int:
    """Take the image from another daemon, unless the same one is there already."""
    image = caller.image
    try:
        there = source.images.inspect(image)
    except NotFound as error:
        raise EngineError(
            f"{source.where} has no image {image}", hint="run `weave setup` for that host first"
        ) from error
    if not _present(caller, [image], there["Id"]):
        size = int(there.get("Size") or 0)  # an archive is a little more than its layers

        def show(sent: int) -> None:
            caller.meter.update(image, "copying", sent, max(sent, size))

        from weave_http.engine import copy_image

        steps = copy_image(source, caller.engine, image, on_bytes=show)
        _name(caller, [step.text.removeprefix(LOADED).strip() for step in steps if step.text.startswith(LOADED)])
    caller.say(image)
    return 0


def _name(caller: Caller, loaded: list[str]) -> None:
    """Give the image its name where it was loaded by another one: Podman puts `localhost/` before it in archives."""
    images = caller.engine.images
    if not loaded or caller.image in loaded:
        return
    try:
        images.inspect(caller.image)
    except NotFound:
        images.tag(loaded[0], caller.image)


def _present(caller: Caller, tags: list[str], image_id: str) -> bool:
    """Tell whether every tag already names this very image, so that nothing needs to be sent."""
    try:
        return bool(tags) and all(caller.engine.images.inspect(tag)["Id"] == image_id for tag in tags)
    except NotFound:
        return False
