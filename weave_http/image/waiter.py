"""The waiter, `/w/w` in the image: compiled here from `waiter.c`, by a compiler out of Debian's packages.

`tcc` is 300 kB, needs nothing beside a C library, and is run from where it was unpacked: nothing is installed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from weave_http import constants
from weave_http.errors import WeaveError
from weave_http.image import apt
from weave_http.image.deb import unpack
from weave_http.image.selection import normal
from weave_http.image.tools import run
from weave_http.image.tree import Entry, File, write

SOURCE = Path(__file__).with_name("waiter.c")
ARCHITECTURES = frozenset({"amd64", "arm64"})
"""What there is a waiter for, in Debian's names."""
PATH_IN_IMAGE = constants.WAITER.lstrip("/")
_COMPILER = "usr/bin/tcc"
OPTIONS = ("-Wall", "-Werror", "-nostdinc", "-nostdlib", "-static")


def compile_waiter(
    system: apt.Machine, folder: Path, *, scratch: Path, report: Callable[[str], None]
) -> dict[str, Entry]:
    """Return the waiter's place in the image, with nothing beside it; empty for an architecture that has none.

    Args:
        system: the machine it is for, which is this one.
        folder: apt's, as for `apt.fetch`.
        scratch: folder for temporary files.
        report: told what is being done.

    Raises:
        WeaveError: the compiler can't be fetched, or fails.
    """
    if system.architecture not in ARCHITECTURES:
        report(f"leaving the waiter out, which {system.architecture} has none of: `weave run` needs --no-wait")
        return {}
    debs = [deb for deb in apt.fetch(["tcc"], folder, report=report) if deb.name.startswith("tcc_")]
    if len(debs) != 1:
        raise WeaveError("apt has no package tcc for this machine")
    report("compiling the waiter")
    (package,) = unpack(debs, frozenset())
    return {PATH_IN_IMAGE: File(_compiled({normal(path): entry for path, entry in package.items()}, scratch), 0o755)}


def _compiled(compiler: Mapping[str, Entry], scratch: Path) -> bytes:
    """Return the program that `waiter.c` becomes.

    Args:
        compiler: the files of its package.
        scratch: where to put them for a moment.
    """
    library = next((path for path in compiler if path.endswith("/tcc/libtcc1.a")), None)
    if _COMPILER not in compiler or library is None:
        raise WeaveError("the package tcc holds no compiler")
    with tempfile.TemporaryDirectory(prefix="scratch-", dir=scratch) as name:
        root = Path(name)
        write({path: entry for path, entry in compiler.items() if path.startswith(("usr/bin/", "usr/lib/"))}, root)
        program = root / "w"
        home = root / PurePosixPath(library).parent
        words = [str(root / _COMPILER), f"-B{home}", *OPTIONS, "-o", str(program), str(SOURCE)]
        run(words, what="compiling the waiter")
        return program.read_bytes()
