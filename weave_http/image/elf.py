"""Which shared libraries a program needs, read from its ELF header, so that only those go into the image.

Little-endian, 32 and 64 bit: every architecture Debian builds Docker for, s390x apart.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import PurePosixPath

from weave_http.image.tree import File, Tree, resolve
from weave_http.records import dataclass

_LOAD, _DYNAMIC, _INTERP = 1, 2, 3
_DT_NEEDED, _DT_STRTAB = 1, 5


@dataclass(frozen=True, slots=True)
class Needs:
    """What an ELF file asks the loader for: the loader's own path (programs only) and names of libraries."""

    interpreter: str
    libraries: tuple[str, ...]


def needs(data: bytes) -> Needs | None:
    """Return what the ELF file in `data` needs; None when it is no little-endian ELF file."""
    if len(data) < 64 or data[:4] != b"\x7fELF" or data[5] != 1:
        return None
    wide = data[4] == 2
    table, size, count = _program_headers(data, wide)
    interpreter, loads, dynamic = "", [], (0, 0)
    for at in range(table, table + size * count, size):
        if wide:
            kind, _, offset, address, _, length = struct.unpack_from("<IIQQQQ", data, at)
        else:
            kind, offset, address, _, length = struct.unpack_from("<IIIII", data, at)
        if kind == _LOAD:
            loads.append((address, offset, length))
        elif kind == _INTERP:
            interpreter = data[offset : offset + length].rstrip(b"\0").decode()
        elif kind == _DYNAMIC:
            dynamic = (offset, length)
    return Needs(interpreter, tuple(_libraries(data, wide, loads, *dynamic)))


def prune_libraries(tree: Tree, directory: str, *, always: Iterable[str] = ()) -> list[str]:
    """Removes from `directory` the shared libraries that nothing else in the tree needs.

    Args:
        tree: changed in place.
        directory: where the system's libraries are, such as `usr/lib/x86_64-linux-gnu`; not what is below it.
        always: libraries kept although no header names them (loaded by name at run time).

    Returns:
        Names that something needs and that are not in the tree, sorted; empty when the tree is whole.
    """
    candidates = {
        path for path in tree if str(PurePosixPath(path).parent) == directory and ".so" in PurePosixPath(path).name
    }
    everywhere = {PurePosixPath(path).name for path in tree}
    kept: set[str] = set()
    missing: set[str] = set()
    waiting = [path for path in tree if path not in candidates]
    waiting += [f"{directory}/{name}" for name in always]
    while waiting:
        path = waiting.pop()
        if path in candidates:
            if path in kept:
                continue
            kept.add(path)
        real = resolve(tree, path)
        if real is None:
            continue
        if real != path:
            waiting.append(real)
            continue
        entry = tree[real]
        found = needs(entry.data) if isinstance(entry, File) else None
        for library in found.libraries if found else ():
            if f"{directory}/{library}" in candidates:
                waiting.append(f"{directory}/{library}")
            elif library not in everywhere:
                missing.add(library)
    for path in candidates - kept:
        del tree[path]
    return sorted(missing)


def _program_headers(data: bytes, wide: bool) -> tuple[int, int, int]:
    """Return the offset of the program header table, size of an entry and how many."""
    (table,) = struct.unpack_from("<Q" if wide else "<I", data, 32 if wide else 28)
    size, count = struct.unpack_from("<HH", data, 54 if wide else 42)
    return table, size, count


def _libraries(data: bytes, wide: bool, loads: list[tuple[int, int, int]], offset: int, length: int) -> Iterable[str]:
    entry = struct.Struct("<qQ" if wide else "<iI")
    tags = list(entry.iter_unpack(data[offset : offset + length - length % entry.size]))
    strings = next((value for tag, value in tags if tag == _DT_STRTAB), None)
    if strings is None:
        return
    # The table's place is given as an address in memory; the segments say where that is in the file.
    base = next((file + strings - start for start, file, size in loads if start <= strings < start + size), None)
    if base is None:
        return
    for tag, value in tags:
        if tag == _DT_NEEDED:
            yield data[base + value : data.index(b"\0", base + value)].decode()
