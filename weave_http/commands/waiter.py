"""The interface before the program: what `weave run` puts before a container's own program.

`/w/w` waits until the container is on the network and becomes the program then (`weave_http/image/waiter.c`). It comes
from weave's image, by a container that ends at once and only holds the volume it is in; the user's container has
that volume too, read-only. So the image of the user's may be anything, and nothing is copied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from weave_http import constants
from weave_http.commands.caller import Caller
from weave_http.commands.containers import pulling, remove
from weave_http.commands.pull import pull
from weave_http.engine.errors import Conflict
from weave_http.errors import EngineError
from weave_http.run_args import RunArgumentError

FAILURES = (125, 126, 127)
"""Exit codes of the waiter itself: it can't wait; the program can't be run; there is no such program."""
BEGINNING = "weave: exec: "
"""How the line begins in which it says why."""


def provide(caller: Caller) -> str:
    """Make the daemon have the container that holds the waiter, and return its name.

    Its name has the image's id, so that another image of the same name brings its own waiter. `weave reset` removes it.
    A new one is started once, and ends at once: Docker fills its volume from the image when it is created, Podman when
    it is mounted first.

    Args:
        caller: engine and meter.

    Raises:
        EngineError: the daemon refused, or its image of weave has no waiter.
    """
    image = caller.image
    found = pulling(lambda: caller.engine.images.inspect(image), lambda: pull(caller, image))
    if constants.WAITER_LABEL not in ((found.get("Config") or {}).get("Labels") or {}):
        raise EngineError(
            f"the image {image} has no {constants.WAITER}",
            hint="bring this version's there by `weave setup`, or say --no-wait",
        )
    name = f"{constants.WAITER_VOLUMES}-{str(found['Id']).rpartition(':')[2][:12]}"
    config = {
        "Image": image,
        "Entrypoint": [constants.WAITER],
        "Labels": {constants.WAITER_VOLUMES: ""},
        "Volumes": {constants.WAITER_FOLDER: {}},
    }
    containers = caller.engine.containers
    with caller.interrupts.deferred():
        try:
            created = containers.create(config, name=name)
        except Conflict:
            return name  # it is there already
        try:
            containers.start(created.id)
        except BaseException:
            remove(caller, created.id)
            raise
    return name


def behind_waiter(config: Mapping[str, Any], image: Mapping[str, Any], volumes: str) -> dict[str, Any]:
    """Return a create body with the waiter before the program.

    Args:
        config: the create body.
        image: what `GET /images/{name}/json` says of its image.
        volumes: name of the container that holds the waiter.

    Raises:
        RunArgumentError: there is no program, or something else is to be mounted where the waiter is.
    """
    entrypoint, command = _program(config, image.get("Config") or {})
    if not entrypoint and not command:
        raise RunArgumentError("no command specified")
    if constants.WAITER_FOLDER in _mounted(config):
        raise RunArgumentError(
            f"weave itself mounts something at {constants.WAITER_FOLDER}", hint="use another path, or say --no-wait"
        )
    before = (
        [] if entrypoint[:1] == [constants.WAITER] else [constants.WAITER]
    )  # an image made of such a container has it
    host = config.get("HostConfig") or {}
    changed = {
        **config,
        "Entrypoint": [*before, *entrypoint],
        "HostConfig": {**host, "VolumesFrom": [*(host.get("VolumesFrom") or ()), f"{volumes}:ro"]},
    }
    if command:
        changed["Cmd"] = command
    return changed


def _program(config: Mapping[str, Any], image: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return entrypoint and command as the daemon would put them together of a create body and its image."""
    entrypoint, command = list(config.get("Entrypoint") or ()), list(config.get("Cmd") or ())
    if not entrypoint:
        entrypoint = list(image.get("Entrypoint") or ())
        command = command or list(image.get("Cmd") or ())
    return ([] if entrypoint == [""] else entrypoint), command


def _mounted(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield the paths at which a create body wants something mounted."""
    host = config.get("HostConfig") or {}
    targets = [
        *(config.get("Volumes") or ()),
        *(bind.split(":")[1] for bind in host.get("Binds") or () if ":" in bind),
        *(str(mount.get("Target", "")) for mount in host.get("Mounts") or ()),
        *(host.get("Tmpfs") or ()),
    ]
    for target in targets:
        yield target.rstrip("/")
