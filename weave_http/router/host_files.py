"""Files of the host, found through the root folder of its first process."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

_MOST_LINKS = 16


def inside(root: Path, path: str) -> Path:
    """Return where a path of another root folder is for us: links in it are followed as if that was the root.

    Args:
        root: that root folder.
        path: absolute path as it is there.

    Raises:
        OSError: too many links.
    """
    done = PurePosixPath("/")
    left = list(PurePosixPath(path).parts[1:])
    links = 0
    while left:
        part = left.pop(0)
        if part == "..":
            done = done.parent
            continue
        here = root / done.relative_to("/") / part
        if not here.is_symlink():
            done /= part
            continue
        links += 1
        if links > _MOST_LINKS:
            raise OSError(f"too many links in {path}")
        target = PurePosixPath(os.readlink(here))
        if target.is_absolute():
            done = PurePosixPath("/")
        left = [*(each for each in target.parts if each != "/"), *left]
    return root / done.relative_to("/")
