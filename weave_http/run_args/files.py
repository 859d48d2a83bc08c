"""What a `docker run` line refers to outside of itself: read by whoever is told to, so that parsing stays pure."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Protocol

from weave_http.docker_config import config_dir, load
from weave_http.run_args.wrong import BadValue


class Files(Protocol):
    """Reads files for the parser."""

    def read(self, path: str) -> bytes:
        """Return the content of an env-file, a label-file or a seccomp profile.

        Raises:
            BadValue: it can't be read; says why.
        """

    def exists(self, path: str) -> bool:
        """Tell whether there is something at a path."""

    def docker_config(self) -> Mapping[str, Any]:
        """Return docker's `config.json`; empty if there is none that is of use."""


class NoFiles:
    """Knows no file."""

    def read(self, path: str) -> bytes:
        """Refuse."""
        raise BadValue("no file can be read here")

    def exists(self, path: str) -> bool:
        """Deny."""
        return False

    def docker_config(self) -> Mapping[str, Any]:
        """Return nothing."""
        return {}


class LocalFiles:
    """This machine's files.

    Args:
        environ: says where docker's configuration is (`DOCKER_CONFIG`, `HOME`).
        directory: what paths are relative to.
    """

    def __init__(self, environ: Mapping[str, str], directory: str | os.PathLike[str] = ".") -> None:
        self._environ = environ
        self._directory = directory

    def read(self, path: str) -> bytes:
        """Read a file."""
        try:
            with open(os.path.join(self._directory, path), "rb") as file:
                return file.read()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise BadValue(f"can't read it: {reason}") from error

    def exists(self, path: str) -> bool:
        """Look whether there is something, be it a link to nowhere."""
        return os.path.lexists(os.path.join(self._directory, path))

    def docker_config(self) -> Mapping[str, Any]:
        """Read docker's configuration; what is broken is as good as none, and others complain of it."""
        return load(config_dir(self._environ), _content)


def _content(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None
