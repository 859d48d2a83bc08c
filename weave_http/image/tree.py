"""A file system as a value: what an image layer holds, before any of it is on a disk.

Keeping it in memory (some 60 MB) makes every step a plain function over paths and bytes: what is picked from the
Debian packages, which libraries are still needed, and the layer's tar, which is the same for the same tree.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from pathlib import Path, PurePosixPath

from weave_http.records import dataclass


@dataclass(frozen=True, slots=True)
class File:
    """A regular file: its bytes and permission bits."""

    data: bytes
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Symlink:
    """A symbolic link and what it points to."""

    target: str


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory that is empty or needs a mode of its own; other parents are implied by what is in them."""

    mode: int = 0o755


Entry = File | Symlink | Directory
Tree = MutableMapping[str, Entry]
"""Path without a leading slash → what is there."""


def resolve(tree: Mapping[str, Entry], path: str) -> str | None:
    """Follow links at `path` (not in its parents) to the path of a file; None when it leads nowhere."""
    for _ in range(8):
        entry = tree.get(path)
        if isinstance(entry, File):
            return path
        if not isinstance(entry, Symlink):
            return None
        base = "/" if entry.target.startswith("/") else f"/{PurePosixPath(path).parent}"
        path = _normal(f"{base}/{entry.target}")
    return None


def with_parents(tree: Mapping[str, Entry]) -> Iterator[tuple[str, Entry]]:
    """Return the entries in the order of their names, each after the directories it is in."""
    links = {path for path, entry in tree.items() if isinstance(entry, Symlink)}
    everything: dict[str, Entry] = {}
    for path, entry in tree.items():
        for parent in PurePosixPath(path).parents:
            name = str(parent)
            if name != "." and name not in links:
                everything.setdefault(name, Directory())
        everything[path] = entry
    yield from sorted(everything.items())


def layer_tar(tree: Mapping[str, Entry], *, mtime: int) -> bytes:
    """Return the tree as an uncompressed tar, names sorted, owner 0:0: equal trees give equal bytes.

    Args:
        tree: what goes in.
        mtime: modification time of every entry, in seconds since 1970.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path, entry in with_parents(tree):
            member = tarfile.TarInfo(path)
            member.mtime = mtime
            match entry:
                case File(data, mode):
                    member.mode, member.size = mode, len(data)
                    archive.addfile(member, io.BytesIO(data))
                case Symlink(target):
                    member.type, member.mode, member.linkname = tarfile.SYMTYPE, 0o777, target
                    archive.addfile(member)
                case Directory(mode):
                    member.type, member.mode = tarfile.DIRTYPE, mode
                    archive.addfile(member)
    return buffer.getvalue()


def write(tree: Mapping[str, Entry], root: Path) -> None:
    """Put the tree below the directory `root`, which must be there."""
    for path, entry in with_parents(tree):
        place = root / path
        match entry:
            case File(data, mode):
                place.write_bytes(data)
                place.chmod(mode)
            case Symlink(target):
                place.symlink_to(target)
            case Directory():
                place.mkdir()


def read_layer(data: bytes) -> dict[str, Entry]:
    """Return the tree of a tar's bytes. Hard links become files of their own; devices and the like are left out."""
    tree: dict[str, Entry] = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            path = _normal(member.name)
            if member.issym():
                tree[path] = Symlink(member.linkname)
            elif member.isdir() and path:
                tree[path] = Directory(member.mode)
            elif (content := archive.extractfile(member)) is not None:
                tree[path] = File(content.read(), member.mode)
    return tree


def newest(data: bytes) -> int:
    """Return the newest modification time in a layer's tar, in seconds since 1970."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return int(max(member.mtime for member in archive))


def digest(parts: Iterable[bytes]) -> str:
    """Return the SHA-256 in hex over the parts, each with its length, so that no two lists of parts are confused."""
    total = hashlib.sha256()
    for part in parts:
        total.update(f"{len(part)}:".encode())
        total.update(part)
    return total.hexdigest()


def _normal(name: str) -> str:
    parts: list[str] = []
    for part in name.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)
