"""The Python libraries of the host's side: what the package asks for, as wheels for the image's Python."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
import tomllib
import zipfile
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path

from weave_http.errors import WeaveError
from weave_http.image.selection import PACKAGES_FOLDER
from weave_http.image.tools import run
from weave_http.image.tree import Entry, File

_EXTRA = re.compile(r"""^(?P<requirement>[^;]+);\s*extra\s*==\s*['"]host['"]\s*$""")
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64", "armhf": "armv7l", "i386": "i686"}
_UNWANTED = re.compile(r"(.*\.(pyx|pxd|pxi|pyi|c|h|hash)|.*/(tests?|_?testing)/.*|.*/(RECORD|INSTALLER|WHEEL))")


def requirements(project: Path) -> tuple[str, ...]:
    """Return what the `host` extra asks for: from the project's pyproject.toml, or from the installed package.

    Args:
        project: the folder that a source checkout has its pyproject.toml in.
    """
    source = project / "pyproject.toml"
    if source.is_file():
        extras = tomllib.loads(source.read_text())["project"]["optional-dependencies"]
        return tuple(sorted(extras["host"]))
    found = map(_EXTRA.match, metadata.requires("weave-http") or [])
    return tuple(sorted(match["requirement"].strip() for match in found if match))


def constraints(project: Path) -> Path | None:
    """Return the project's pinned versions; None when this is an installed package without its sources."""
    pinned = project / "constraints.txt"
    return pinned if pinned.is_file() and (project / "pyproject.toml").is_file() else None


def fetch(
    needed: Sequence[str],
    folder: Path,
    *,
    pinned: Path | None,
    python: tuple[int, int],
    architecture: str,
    glibc: tuple[int, int],
) -> list[Path]:
    """Download wheels for a Python that is not the running one, and what they depend on.

    Args:
        needed: requirements.
        folder: where they go; nothing else is in it.
        pinned: constraints file.
        python: version of the image's Python.
        architecture: Debian's name, such as `amd64`.
        glibc: version of the image's C library.

    Returns:
        The wheels, in the order of their names.

    Raises:
        WeaveError: pip is missing, or a wheel can't be found or fetched.
    """
    what = "fetching the Python libraries"
    folder.mkdir(parents=True, exist_ok=True)
    wheel_machine = _MACHINES.get(architecture, architecture)
    minors = range(glibc[1], 4, -1) if glibc[0] == 2 else ()
    platforms = [f"manylinux_2_{minor}_{wheel_machine}" for minor in minors]
    run(
        [
            *(*_pip(), "download", "-q", "--dest", str(folder), "--only-binary=:all:"),
            *("--python-version", f"{python[0]}.{python[1]}", "--implementation", "cp"),
            *(f"--platform={name}" for name in [*platforms, f"manylinux2014_{wheel_machine}"]),
            *(("-c", str(pinned)) if pinned else ()),
            *needed,
        ],
        what=what,
        hint="check the network and pip's settings",
    )
    wheels = sorted(folder.glob("*.whl"))
    if not wheels:
        raise WeaveError(f"{what}: pip brought nothing into {folder}")
    return wheels


def unpack(wheels: Iterable[Path]) -> dict[str, Entry]:
    """Return the libraries as a tree: without sources of compiled modules, type stubs and tests.

    Raises:
        WeaveError: a file is no wheel.
    """
    tree: dict[str, Entry] = {}
    for wheel in wheels:
        try:
            with zipfile.ZipFile(wheel) as archive:
                for name in archive.namelist():
                    if not name.endswith("/") and ".data/" not in name and not _UNWANTED.fullmatch(name):
                        tree[f"{PACKAGES_FOLDER}/{name}"] = File(archive.read(name))
        except zipfile.BadZipFile:
            raise WeaveError(f"{wheel.name} is broken", hint=f"remove {wheel}") from None
    return tree


def _pip() -> list[str]:
    """Return how pip is called: as this Python's module or, where a virtual environment has none, as a program."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    program = shutil.which("pip3") or shutil.which("pip")
    if program is None:
        raise WeaveError("fetching the Python libraries: pip is not installed", hint="install it (Debian: python3-pip)")
    return [program]
