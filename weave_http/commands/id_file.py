"""`--cidfile`: a file of the caller's that gets the container's id."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from weave_http.errors import EngineError
from weave_http.hints import Protocol
from weave_http.records import dataclass


class IdFiles(Protocol):
    """Where ids of containers are put; a dry run has none."""

    def reserve(self, path: str) -> None:
        """Create an empty file. Raises `FileExistsError` if there is one, `OSError` if it can't be made."""
        ...

    def fill(self, path: str, text: str) -> None:
        """Write a file that was reserved."""
        ...

    def discard(self, path: str) -> None:
        """Remove a file that was reserved."""
        ...


class NoIdFiles:
    """Nothing is written."""

    def reserve(self, path: str) -> None:
        """Do nothing."""

    def fill(self, path: str, text: str) -> None:
        """Do nothing."""

    def discard(self, path: str) -> None:
        """Do nothing."""


class LocalIdFiles:
    """The files of this machine."""

    def reserve(self, path: str) -> None:
        """See `IdFiles.reserve`."""
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))

    def fill(self, path: str, text: str) -> None:
        """See `IdFiles.fill`."""
        with open(path, "w", encoding="ascii") as file:
            file.write(text)

    def discard(self, path: str) -> None:
        """See `IdFiles.discard`."""
        with suppress(FileNotFoundError):
            os.unlink(path)


@dataclass(slots=True)
class IdFile:
    """The file, while there may not be a container yet.

    Args:
        files: where it is.
        path: its path; empty for no file.
    """

    files: IdFiles
    path: str
    _kept: bool = False

    def fill(self, identity: str) -> None:
        """Write the container's id."""
        if self.path:
            self.files.fill(self.path, identity)

    def keep(self) -> None:
        """Say that the container is there to stay."""
        self._kept = True

    def end(self) -> None:
        """Remove the file, unless it is to be kept."""
        if self.path and not self._kept:
            self.files.discard(self.path)


@contextmanager
def id_file(files: IdFiles, path: str) -> Iterator[IdFile]:
    """Make the file, and remove it again unless it is kept.

    Raises:
        EngineError: there is such a file, or it can't be made.
    """
    try:
        if path:
            files.reserve(path)
    except FileExistsError as error:
        raise EngineError(
            f"container ID file {path} found", hint="remove it, unless its container is still there"
        ) from error
    except OSError as error:
        raise EngineError(f"can't create the container ID file {path}: {error.strerror or error}") from error
    file = IdFile(files, path)
    try:
        yield file
    finally:
        file.end()
