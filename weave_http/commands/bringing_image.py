"""`weave setup`: bring the image to the daemon, from a file, another daemon, a registry, or by building it.

Nothing here is shared between calls: a program may set up many hosts at the same time, each from a thread of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from weave_http.commands.caller import Caller
from weave_http.commands.layers import layers_of, shared
from weave_http.commands.platform import platform
from weave_http.commands.pull import pull_own
from weave_http.commands.saved import SavedImages
from weave_http.engine import Engine
from weave_http.engine.errors import APIError, NotFound, StreamError
from weave_http.engine.reference import split_image
from weave_http.errors import EngineError, WeaveError
from weave_http.operations.outcome import Outcome
from weave_http.records import replace

if TYPE_CHECKING:
    from weave_http.commands.archive import Archive
    from weave_http.engine.progress import Progress

LOADED = "Loaded image: "
"""What a daemon says of each image that it has loaded, before its name."""


def setup(caller: Caller, source: Path | Engine | None = None, *, build: bool = False) -> Outcome:
    """Make the daemon have the image, and print its name.

    Args:
        caller: engine, streams, environment and meter.
        source: a docker archive (as `weave image build` or `docker save` write it) to load, or another daemon, from
            which the image goes over (see `copy`). Without one the image that is there is good. If there is none, the
            daemon pulls the one that `$EXEC_IMAGE` names; if nothing is named, it is built.
        build: build it also if it is there: on this machine if that is a Debian of the same architecture, else on the
            Docker host.

    Raises:
        WeaveError: the file is no such archive, or its image is for another kind of machine.
        EngineError: the daemon refused it, or the other one does not have it, or there is no way to get it.
    """
    said: list[tuple[int, bytes]] = []
    caller = caller.overheard(said)
    if isinstance(source, Engine):
        with SavedImages() as saved:
            names: Sequence[str] = [copy(caller, source, saved)]
    elif source is not None:
        names = _load(caller, source)
    elif build or not _is_there(caller):
        names = _make(caller, build=build)
    else:
        names = [caller.image]
    for name in names:
        caller.say(name)
    return Outcome(0, tuple(said))


def _is_there(caller: Caller) -> bool:
    try:
        caller.engine.images.inspect(caller.image)
    except NotFound:
        return False
    return True


def _make(caller: Caller, *, build: bool) -> Sequence[str]:
    """Have the image pulled or built, and return its names."""
    from weave_http.commands.building import build_on_host, built_here

    if caller.environ.get("EXEC_IMAGE") and not build:
        pull_own(caller)
        return [caller.image]
    architecture = str(caller.engine.system.version().get("Arch") or "")
    try:
        archive = built_here(caller, architecture)
    except WeaveError as error:
        caller.note(f"weave: {error}; trying on the Docker host")
        archive = None
    if archive is not None:
        caller.meter.end()
        return _load(caller, archive)
    build_on_host(caller, architecture)
    return [caller.image]


def _load(caller: Caller, source: Path) -> Sequence[str]:
    """Load an archive, unless its image is there already, and return its tags."""
    from weave_http.commands.archive import Archive, archive_identity

    identity = archive_identity(source)
    if not _present(caller, identity.tags, identity.id):
        _check_platform(caller, identity.platform, str(source))
        ids = [each for _, each in identity.layers]
        known = _known_layers(caller, identity.tags[0], ids) if identity.tags else 0
        _send(Archive(source, identity.platform, caller, identity.files_of(ids[:known])))
    return identity.tags


def _send(archive: Archive) -> list[str]:
    """Send an archive, if need be with the layers that it is without, and return the names that the daemon loaded."""
    caller, loaded = archive.caller, list[str]()
    try:
        with caller.engine.images.load(archive) as steps:
            for step in steps:
                caller.meter.update(step.id or archive.path.name, step.text, step.current, step.total)
                loaded += _loaded([step])
    except (APIError, StreamError):
        if not archive.without:
            raise
        # Docker looks for a layer's file only if it lacks the layer; Podman, and containerd's store, want them all.
        return _send(replace(archive, without=frozenset()))
    return loaded


def _loaded(steps: Sequence[Progress]) -> list[str]:
    return [step.text.removeprefix(LOADED).strip() for step in steps if step.text.startswith(LOADED)]


def _known_layers(caller: Caller, name: str, ids: Sequence[str]) -> int:
    """Return how many layers need not be sent: an image of the same name, of any tag, has them.

    A daemon on this machine is not asked, as sending costs nothing there.

    Args:
        caller: of the daemon that is to get them.
        name: of the image.
        ids: diff ids of its layers, the lowest first.
    """
    if caller.endpoint.scheme == "unix" or not ids:
        return 0
    images = caller.engine.images
    known = 0
    for image in images.list(filters={"reference": [split_image(name)[0]]}):
        with suppress(NotFound):  # it was removed just now
            known = max(known, shared(ids, layers_of(images.inspect(image["Id"]))))
    return known


def copy(caller: Caller, source: Engine, saved: SavedImages) -> str:
    """Take the image from another daemon, unless the same one is there already, and return its name.

    It goes over as a stream. Where another version of it is there, it is saved here first, and only the layers that
    changed go on: which file of the archive has which layer is known at its end.

    Args:
        caller: of the daemon that is to get it.
        source: the daemon that has it.
        saved: images that were saved for others already.

    Raises:
        WeaveError: it is for another kind of machine, or there is no room to save it.
        EngineError: one of the two daemons refused, or the source does not have it.
    """
    image = caller.image
    try:
        there = source.images.inspect(image)
    except NotFound as error:
        raise EngineError(
            f"{source.where} has no image {image}", hint="run `weave setup` for that host first"
        ) from error
    if not _present(caller, [image], there["Id"]):
        _check_platform(caller, platform(there, "Os", "Architecture"), source.where)
        ids, size = layers_of(there), int(there.get("Size") or 0)
        known = ids[: _known_layers(caller, image, ids)]

        def show(sent: int) -> None:  # an archive is a little more than its layers
            caller.meter.update(image, "copying", sent, max(sent, size))

        if known:
            from weave_http.commands.archive import Archive, archive_identity

            path = saved.path(source, image, there, show)
            identity = archive_identity(path)
            loaded = _send(Archive(path, identity.platform, caller, identity.files_of(known)))
        else:
            from weave_http.engine import copy_image

            loaded = _loaded(copy_image(source, caller.engine, image, on_bytes=show))
        _name(caller, loaded)
    return image


def _check_platform(caller: Caller, wanted: str, where: str) -> None:
    """Raise `WeaveError` if an image is for another kind of machine than the daemon's, as `linux/arm64`.

    The daemon would load it, and no program of it would run.
    """
    here = platform(caller.engine.system.version(), "Os", "Arch")
    if wanted and here and wanted != here:
        raise WeaveError(
            f"the image from {where} is for {wanted}, and the Docker host is {here}",
            hint=f"build it on a {here} machine: `weave image build`",
        )


def _name(caller: Caller, loaded: list[str]) -> None:
    """Give the image its name where it was loaded by another one: Podman puts `localhost/` before it in archives."""
    images = caller.engine.images
    if not loaded or caller.image in loaded:
        return
    try:
        images.inspect(caller.image)
    except NotFound:
        images.tag(loaded[0], caller.image)


def _present(caller: Caller, tags: Sequence[str], image_id: str) -> bool:
    """Tell whether every tag already names this very image, so that nothing needs to be sent."""
    try:
        return bool(tags) and all(caller.engine.images.inspect(tag)["Id"] == image_id for tag in tags)
    except NotFound:
        return False
