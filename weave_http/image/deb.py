"""Debian's package files, read without Debian's programs: an `ar` archive whose member `data.tar.…` has the files.

Every Python reads what Debian packs (xz). Other packings, as Ubuntu's zstd, are left to dpkg-deb.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from weave_http.errors import WeaveError
from weave_http.image.tools import run
from weave_http.image.tree import Entry, read_layer

_MAGIC = b"!<arch>\n"
_HEADER = 60
_READABLE = {"data.tar", "data.tar.xz", "data.tar.gz", "data.tar.bz2"}


def unpack(debs: Iterable[Path], skipped: frozenset[str]) -> list[dict[str, Entry]]:
    """Return the files of each package, with no maintainer script run.

    Args:
        debs: the .deb files.
        skipped: names of packages of which nothing is wanted.

    Raises:
        WeaveError: a file is no package.
    """
    wanted = [deb for deb in debs if deb.name.partition("_")[0] not in skipped]
    with ThreadPoolExecutor() as pool:
        return list(pool.map(contents, wanted))


def contents(deb: Path) -> dict[str, Entry]:
    """Return the files of one package.

    Raises:
        WeaveError: it is none, or is packed in a way that nothing here reads.
    """
    data = deb.read_bytes()
    try:
        name, packed = next((name, body) for name, _, body in _members(data) if name.startswith("data.tar"))
        if name in _READABLE:
            return read_layer(packed)
    except Exception as error:  # whatever tarfile and the decompressors say of bytes that are no archive
        raise _no_package(deb) from error
    if shutil.which("dpkg-deb") is None:
        raise WeaveError(f"{deb.name} is packed as {name}, which needs dpkg-deb to be read")
    return read_layer(run(["dpkg-deb", "--fsys-tarfile", str(deb)], what=f"unpacking {deb.name}"))


def built(deb: Path) -> int:
    """Return when a package was built, in seconds since 1970: the date of its first member.

    Raises:
        WeaveError: the file is no package.
    """
    with deb.open("rb") as file:
        head = file.read(len(_MAGIC) + _HEADER)
    for _, date, _ in _members(head):
        return date
    raise _no_package(deb)


def _members(data: bytes) -> Iterator[tuple[str, int, bytes]]:
    """Yield name, date and bytes of the members of an `ar` archive; ends at what is no header."""
    file = io.BytesIO(data)
    if file.read(len(_MAGIC)) != _MAGIC:
        return
    while len(header := file.read(_HEADER)) == _HEADER and header[58:] == b"`\n":
        date, size = header[16:28].strip(), header[48:58].strip()
        if not (date.isdigit() and size.isdigit()):
            return
        yield header[:16].decode("ascii", "replace").strip().rstrip("/"), int(date), file.read(int(size))
        if int(size) % 2:
            file.read(1)


def _no_package(deb: Path) -> WeaveError:
    return WeaveError(f"{deb.name} is no Debian package", hint=f"remove {deb}")
