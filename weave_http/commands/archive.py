"""A docker archive, as `weave image build` and `docker save` write it: what is in it, and its bytes."""

from __future__ import annotations

import io
import json
import os
import stat
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from weave_http.commands.caller import Caller
from weave_http.commands.layers import shared
from weave_http.commands.platform import platform
from weave_http.errors import WeaveError
from weave_http.records import dataclass

CHUNK = 256 * 1024
LARGE = 8 * 1024 * 1024
"""From this many bytes on an archive is compressed on its way to another machine."""
_MOST_JSON = 4 * 1024 * 1024
"""Bytes of a file in the archive that is read whole."""
_MOST_READ = 16 * 1024 * 1024
"""Bytes that may be read in one piece: a tar header can ask for any number."""
_MOST_MEMBERS = 100_000
_GZIP = 16 + zlib.MAX_WBITS
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")


@dataclass(frozen=True, slots=True)
class Identity:
    """Which image an archive holds.

    Args:
        tags: its names.
        id: as `sha256:…`.
        platform: what it runs on, as `linux/amd64`; empty if the archive does not say.
        layers: the archive's file of each layer, and the layer's diff id, the lowest first; none if it does not say.
    """

    tags: tuple[str, ...]
    id: str
    platform: str = ""
    layers: tuple[tuple[str, str], ...] = ()

    def files_of(self, known: Sequence[str]) -> frozenset[str]:
        """Return the files of the archive that whoever has its lowest layers does not need.

        Args:
            known: diff ids of those layers, the lowest first.
        """
        common = shared([each for _, each in self.layers], known)
        needed = {file for file, _ in self.layers[common:]}
        return frozenset(file for file, _ in self.layers[:common] if file not in needed)


def archive_identity(source: Path) -> Identity:
    """Return which image a docker archive holds.

    Args:
        source: path of the archive.

    Raises:
        WeaveError: it can't be read, or is no docker archive with one image in it.
    """
    try:
        if not stat.S_ISREG(source.stat().st_mode):
            raise WeaveError(f"can't read {source}: it is not a regular file", hint="it is read twice")
        with _Cautious(io.FileIO(source)) as file, tarfile.open(fileobj=file) as archive:
            (image,) = _json(archive, "manifest.json")
            tags, name = [str(tag) for tag in image["RepoTags"] or []], str(image["Config"])
            config = _json(archive, name)
            runs_on = platform(config, "os", "architecture")
            files, ids = image.get("Layers") or [], (config.get("rootfs") or {}).get("diff_ids") or []
            layers = tuple(zip(map(str, files), map(str, ids), strict=True)) if len(files) == len(ids) else ()
    except OSError as error:
        raise WeaveError(f"can't read {source}: {error.strerror or error}") from error
    except (tarfile.TarError, LookupError, ValueError, TypeError, AttributeError, EOFError, RecursionError) as error:
        raise WeaveError(
            f"{source} is not a docker archive with one image in it",
            hint="make one with `weave image build` or `docker save`",
        ) from error
    except zlib.error as error:
        raise WeaveError(f"{source} is damaged: {error}") from error
    identity = "sha256:" + name.removesuffix(".json").rpartition("/")[2]
    return Identity(tuple(tags), identity, runs_on, layers)


def _json(archive: tarfile.TarFile, name: str) -> Any:
    """Return what a JSON file of an archive says.

    Raises:
        LookupError: there is none, or it is too large to be one.
        ValueError: it is no JSON.
    """
    for count, member in enumerate(archive):
        if member.name.removeprefix("./") == name:
            file = archive.extractfile(member) if member.size <= _MOST_JSON else None
            if file is None:
                break
            return json.load(file)
        if count > _MOST_MEMBERS:
            break
    raise LookupError(name)


class _Cautious(io.BufferedReader):
    """A file that gives no more than `_MOST_READ` bytes at a time: headers may promise names of any length."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Read bytes. Raises `ValueError` when that many are no header's."""
        if size is not None and size > _MOST_READ:
            raise ValueError("a header of the archive is too large")
        return super().read(_MOST_READ if size is None or size < 0 else size)


@dataclass(frozen=True, slots=True)
class Archive:
    """The chunks of a file, metered; whoever shows the request can tell which file it is.

    A large one is compressed on its way to another machine: the daemon takes both, and that costs little.

    Args:
        path: of the file.
        platform: what its image runs on, as `linux/amd64`; empty if it does not say.
        caller: whose meter is told, and whose endpoint says where it goes.
        without: files of the archive that are not sent.
    """

    path: Path
    platform: str
    caller: Caller
    without: frozenset[str] = frozenset()

    def __iter__(self) -> Iterator[bytes]:
        """Yield the chunks, from the beginning."""
        with self.path.open("rb") as file:
            pieces = _pieces(file, self.path.stat().st_size, self.without)
            total, sent = sum(end - begin for begin, end in pieces), 0
            packed = self._is_packed(file, total)
            packer = zlib.compressobj(1, wbits=_GZIP)
            for begin, end in pieces:
                file.seek(begin)
                while chunk := file.read(min(CHUNK, end - file.tell())):
                    if data := packer.compress(chunk) if packed else chunk:
                        yield data
                    sent += len(chunk)
                    self.caller.meter.update(self.path.name, "loading", sent, total)
            if packed:
                yield packer.flush()

    def _is_packed(self, file: IO[bytes], total: int) -> bool:
        """Tell whether to compress it: not on this machine, not on a single processor, and not twice."""
        file.seek(0)
        beginning = file.read(6)
        far = self.caller.endpoint.scheme != "unix" and (os.cpu_count() or 1) > 1
        return far and total >= LARGE and not beginning.startswith(_COMPRESSED)


def _pieces(file: IO[bytes], size: int, without: frozenset[str]) -> list[tuple[int, int]]:
    """Return which bytes of an archive are the archive without some of its files: begin and end of each piece.

    It is all of them where that can't be told: it is compressed, or files in it are links to others.
    """
    whole = [(0, size)]
    if not without:
        return whole
    try:
        with tarfile.open(fileobj=file, mode="r:") as archive:
            members = archive.getmembers()
            end = archive.offset
    except tarfile.TarError:
        return whole
    if any(member.islnk() or member.issym() for member in members):
        return whole
    ends = [*(member.offset for member in members[1:]), end]
    kept = [(member.offset, end) for member, end in zip(members, ends, strict=True) if member.name not in without]
    return [*kept, (end, size)]
