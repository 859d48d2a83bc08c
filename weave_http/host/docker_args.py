"""`WEAVE_DOCKER_ARGS`: arguments of `docker run` for the router's container, in its create call."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from weave_http.errors import EngineError, HostError
from weave_http.hints import Any
from weave_http.run_args import parse

VARIABLE = "WEAVE_DOCKER_ARGS"
_LISTS_THAT_REPLACE = frozenset({"Entrypoint", "Cmd"})


def merged(body: Mapping[str, Any], arguments: str, image: str, env: Mapping[str, str]) -> dict[str, Any]:
    """Return a create body with arguments of `docker run` worked in: lists grow, anything else is replaced.

    Args:
        body: the router's create body.
        arguments: as in a shell, quotes included.
        image: the router's image.
        env: where `-e NAME` without a value looks.

    Raises:
        HostError: docker would not take them, or there would be no router that others find.
    """
    try:
        words = shlex.split(arguments)
    except ValueError as error:
        raise HostError(f"{VARIABLE}: {str(error).lower()} in {arguments!r}") from error
    try:
        request, bare = parse([*words, image], environ=env), parse([image])
    except EngineError as error:
        if words and _takes_one_more(words, image):
            raise HostError(f"{VARIABLE}: {words[-1]} needs a value") from error
        raise HostError(f"{VARIABLE}: {error.message}", hint=error.hint) from error
    if request.config["Image"] != image or request.config.get("Cmd"):
        raise HostError(f"{VARIABLE}: {request.config['Image']!r} is no option", hint="expected options of docker run")
    if request.name:
        raise HostError(f"{VARIABLE}: the router's name can't be given there", hint="set WEAVE_CONTAINER_NAME")
    added = _beyond(request.config, bare.config)
    if added.get("HostConfig", {}).get("NetworkMode", "host") != "host":
        raise HostError(f"{VARIABLE}: the router must use the host's network", hint="leave --network out")
    return _merge(body, added)


def _takes_one_more(words: list[str], image: str) -> bool:
    """Tell whether the last option took the image for its value."""
    try:
        return bool(parse([*words, "1", image]).config)
    except EngineError:
        return False


def _beyond(given: Mapping[str, Any], bare: Mapping[str, Any]) -> dict[str, Any]:
    """Return what arguments said, of a body that may also say what is so by default."""
    found: dict[str, Any] = {}
    for key, value in given.items():
        if isinstance(value, Mapping):
            inner = _beyond(value, bare.get(key) or {})
            if inner:
                found[key] = inner
        elif key not in bare or bare[key] != value:
            found[key] = value
    return found


def _merge(body: Mapping[str, Any], added: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(body)
    for key, value in added.items():
        old = body.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            result[key] = _merge(old, value)
        elif isinstance(value, list) and isinstance(old, list) and key not in _LISTS_THAT_REPLACE:
            result[key] = _lists(key, old, value)
        else:
            result[key] = value
    return result


def _lists(key: str, old: list[Any], new: list[Any]) -> list[Any]:
    """Return both lists; a variable, or what is mounted at a place, is that of the later one."""
    if key not in ("Env", "Binds"):
        return [*old, *new]
    taken = {_subject(key, item) for item in new}
    return [*(item for item in old if _subject(key, item) not in taken), *new]


def _subject(key: str, item: str) -> str:
    return item.partition("=")[0] if key == "Env" else item.split(":")[1]
