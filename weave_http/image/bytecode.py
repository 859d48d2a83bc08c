"""Byte-code made by the image's own interpreter, so that no command ever compiles.

The interpreter is run from a folder through its own dynamic loader: that needs neither root nor chroot.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from weave_http.image.result import SCRATCH_PREFIX
from weave_http.image.selection import library_folder, loader, python_program
from weave_http.image.tools import run
from weave_http.image.tree import Entry, File, write


def compiled(
    base: Mapping[str, Entry], code: Mapping[str, Entry], folders: Sequence[str], *, scratch: Path
) -> dict[str, Entry]:
    """Return the byte-code of the `.py` files of `code`.

    It is checked against nothing when it is loaded (unchecked hash): layers never change once they are made.

    Args:
        base: a tree with Python in it.
        code: files to compile, which may be part of `base`.
        folders: folders of `code`; each is compiled by a process of its own, all at the same time.
        scratch: where a temporary folder may be made (not on a `noexec` file system).

    Returns:
        The new files alone.

    Raises:
        WeaveError: a file doesn't compile, or the interpreter doesn't run here.
    """
    with tempfile.TemporaryDirectory(prefix=SCRATCH_PREFIX, dir=scratch) as folder:
        root = Path(folder)
        write({**base, **code}, root)
        python = [
            str(root / loader(base)),
            *("--library-path", str(root / library_folder(base))),
            *(str(root / python_program(base)), "-B", "-s", "-S"),
        ]
        # A fixed hash seed, because the order of a set's elements shows in byte-code.
        env = {"PYTHONHOME": str(root / "usr"), "PYTHONPATH": "", "PYTHONHASHSEED": "0", "PYTHONWARNINGS": "ignore"}
        command = [*python, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "-s", folder, "-p", "/"]

        def run_one(part: str) -> None:
            run([*command, str(root / part)], what=f"compiling {part}", env=env)

        with ThreadPoolExecutor() as pool:
            list(pool.map(run_one, folders))
        return {
            str(path.relative_to(root)): File(path.read_bytes())
            for part in folders
            for path in (root / part).rglob("*.pyc")
        }
