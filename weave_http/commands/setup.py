"""`weave setup`: bring the image to the daemon, from its registry, from a file, or from another daemon."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from weave_http.commands.caller import Caller
from weave_http.commands.pull import pull
from weave_http.engine import Engine, copy_image
from weave_http.engine.errors import NotFound
from weave_http.errors import EngineError, WeaveError

CHUNK = 256 * 1024
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
    tags, image_id = archive_identity(source)
    if not _present(caller, tags, image_id):
        with caller.engine.images.load(_Archive(source, caller)) as steps:
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


def archive_identity(source: Path) -> tuple[list[str], str]:
    """Return the tags and the image id that a docker archive holds.

    Args:
        source: path of the archive.

    Raises:
        WeaveError: it can't be read, or is no docker archive with one image in it.
    """
    try:
        with tarfile.open(source) as archive:
            member = archive.extractfile("manifest.json")
            if member is None:
                raise KeyError("manifest.json")
            (image,) = json.load(member)
            tags, config = image["RepoTags"] or [], str(image["Config"])
    except OSError as error:
        hint = "it must be a file, which can be read twice" if source.exists() and not source.is_file() else ""
        raise WeaveError(f"can't read {source}: {error.strerror or error}", hint=hint) from error
    except (tarfile.TarError, KeyError, ValueError, TypeError, EOFError) as error:
        raise WeaveError(
            f"{source} is not a docker archive with one image in it",
            hint="make one with `weave image build` or `docker save`",
        ) from error
    return [str(tag) for tag in tags], "sha256:" + config.removesuffix(".json").rpartition("/")[2]


def _present(caller: Caller, tags: list[str], image_id: str) -> bool:
    """Tell whether every tag already names this very image, so that nothing needs to be sent."""
    try:
        return bool(tags) and all(caller.engine.images.inspect(tag)["Id"] == image_id for tag in tags)
    except NotFound:
        return False


@dataclass(frozen=True, slots=True)
class _Archive:
    """The chunks of a file, metered; whoever shows the request can tell which file it is."""

    path: Path
    caller: Caller

    def __iter__(self) -> Iterator[bytes]:
        total, sent = self.path.stat().st_size, 0
        with self.path.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk
                sent += len(chunk)
                self.caller.meter.update(self.path.name, "loading", sent, total)
