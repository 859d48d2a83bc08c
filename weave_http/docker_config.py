"""The docker command line's own configuration: where it is, and what of a file counts.

JSON is read as docker reads it: names of fields in any letters, large or small, the last of several counts, and UTF-8
without a mark before it is the only encoding.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping

from weave_http.errors import WeaveError
from weave_http.hints import Any

ReadFile = Callable[[str], bytes | None]
"""Returns a file's content, or None when there is no such file; raises `WeaveError` if it can't be read."""
FindHome = Callable[[], str]
"""Returns the home directory of the user, as the system knows it."""
Warn = Callable[[str], None]
"""Takes one line."""


def silent(_line: str) -> None:
    """Take a warning, and keep it to oneself."""


def home_of_user() -> str:
    """Return this user's home directory by the system's list of users; `/` for a user that is not on it."""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return "/"


def config_dir(environ: Mapping[str, str], home: FindHome = home_of_user) -> str:
    """Return the directory of the docker configuration: `$DOCKER_CONFIG` or `~/.docker`.

    Args:
        environ: the environment.
        home: returns the user's home directory; asked where neither that nor `HOME` is set.
    """
    return environ.get("DOCKER_CONFIG") or os.path.join(environ.get("HOME") or home(), ".docker")


def config_file(directory: str) -> str:
    """Return the path of the docker configuration's file."""
    return os.path.join(directory, "config.json")


def load(directory: str, read: ReadFile, warn: Warn = silent) -> dict[str, Any]:
    """Return what `config.json` says, for `field`; one that is of no use is as good as none, after a warning.

    Args:
        directory: of the docker configuration.
        read: reads a file.
        warn: takes one line.
    """
    path = config_file(directory)
    try:
        content = read(path)
    except WeaveError as error:
        warn(f"{error}; going on without it")
        return {}
    if not content or not content.strip():
        return {}
    try:
        return parsed(content, more=True)
    except ValueError as error:
        warn(f"{path} {error}; going on without it")
        return {}


def parsed(content: bytes, *, more: bool = False) -> dict[str, Any]:
    """Return the JSON object in a file; `null` is an empty one.

    Args:
        content: the file's.
        more: whatever follows the object is no matter.

    Raises:
        ValueError: there is none; says why, as what follows the file's name.
    """
    text = content.decode(errors="replace").strip(" \t\r\n")
    try:
        value, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is not JSON: {error}") from error
    if end < len(text) and not more:
        raise ValueError(f"is not JSON: there is more after the object, at column {end + 1}")
    if value is not None and not isinstance(value, dict):
        raise ValueError("holds no JSON object")
    return value or {}


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


_DECODER = json.JSONDecoder(parse_constant=_refuse)


def field(document: object, name: str) -> Any:
    """Return a field of an object, None where there is neither."""
    if not isinstance(document, dict):
        return None
    found = [value for key, value in document.items() if key.lower() == name.lower() and value is not None]
    return found[-1] if found else None
