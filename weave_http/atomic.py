"""Files that are replaced whole: a reader, or a crash of the machine, finds the old content or the new one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path, *, mode: int = 0o666) -> Iterator[BinaryIO]:
    """Yield a new file to write to; it takes the place of `path` when the block ends without an exception.

    Both the file and its folder are flushed to the disk. When the block raises, `path` stays as it was.

    Args:
        path: the file to replace; its folder must exist.
        mode: permission bits of the new file, less the umask.

    Raises:
        OSError: it cannot be written; `path` stays as it was.
    """
    # No process number: two containers may write to one folder, and both be number 1.
    new = path.with_name(f".{path.name}.{os.urandom(6).hex()}.new")
    try:
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(fd, "wb") as file:
            yield file
            file.flush()
            os.fsync(fd)
        new.replace(path)
    except BaseException:
        with suppress(OSError):
            new.unlink(missing_ok=True)
        raise
    _flush_folder(path.parent)


def write(path: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Write a file as `replacing` does, from bytes that are there already."""
    with replacing(path, mode=mode) as file:
        file.write(content)


def leftovers(path: Path) -> list[Path]:
    """Return the unfinished files that killed writers of `path` left beside it."""
    return sorted(path.parent.glob(f".{path.name}.*.new"))


def _flush_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
