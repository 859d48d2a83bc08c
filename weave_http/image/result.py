"""What a build returns, and what every build does around its work: one at a time, and one line when a disk fails."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from weave_http.errors import WeaveError
from weave_http.records import dataclass

Report = Callable[[str], None]
"""Told in a short line what is being done."""
SCRATCH_PREFIX = "scratch-"
"""Temporary folders in the cache begin so; what is left of one is removed by the next build."""


@dataclass(frozen=True, slots=True)
class BuildResult:
    """An image's archive."""

    path: Path
    tag: str
    size: int
    """Bytes."""
    seconds: float
    """What it took."""
    reused: bool
    """It was there already, made from the same inputs."""


@contextmanager
def locked(cache: Path) -> Iterator[None]:
    """Make the folder `cache` and keep other builds out of it; wait for one that is under way.

    Raises:
        WeaveError: the folder can't be made or written to.
    """
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock = (cache / "lock").open("wb")
    except OSError as error:
        raise WeaveError(f"the cache folder {cache} can't be used: {error.strerror}") from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in cache.glob(f"{SCRATCH_PREFIX}*"):  # by a build that was killed
            shutil.rmtree(left)
        yield


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """Turn a failure to read or write files into a line that names the archive and the file.

    Raises:
        WeaveError: instead of OSError.
    """
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename and str(error.filename) != str(out) else ""
        raise WeaveError(f"{out} can't be built: {error.strerror or error}{where}") from None
