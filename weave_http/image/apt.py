"""Debian packages without installing them: resolved, verified and fetched by apt into a folder of ours.

apt is given an empty package database, so it works out the whole set of packages that an empty system would need,
for whatever release this machine has (libraries change their names between releases). Sources, signatures, pinning and
proxies are the machine's own; nothing of the system is changed, and root is not needed.
"""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

from weave_http.errors import WeaveError
from weave_http.image.tools import run
from weave_http.records import dataclass

NO_APT = "`weave setup` has the Docker host build it; so does `docker build`, with weave_http/image/Dockerfile"


@dataclass(frozen=True, slots=True)
class Machine:
    """What this machine's packages are built for."""

    release: str
    """Distribution and release, such as `debian bookworm`."""
    architecture: str
    """Debian's name of the architecture, such as `amd64`."""


def machine() -> Machine:
    """Return the release and architecture of the machine this runs on.

    Raises:
        WeaveError: it has no apt-get, or dpkg fails.
    """
    for program in ("apt-get", "dpkg"):
        if shutil.which(program) is None:
            raise WeaveError(f"an image can't be built here: {program} is not installed (not Debian?)", hint=NO_APT)
    system = platform.freedesktop_os_release()
    release = f"{system.get('ID', 'unknown')} {system.get('VERSION_CODENAME', system.get('VERSION_ID', 'unknown'))}"
    architecture = run(["dpkg", "--print-architecture"], what="asking dpkg for the architecture").decode().strip()
    return Machine(release, architecture)


def fetch(packages: Sequence[str], folder: Path, *, report: Callable[[str], None]) -> list[Path]:
    """Download the packages and all that they depend on, without recommendations.

    Args:
        packages: names.
        folder: where downloads and apt's own state are kept; files that are there and whole are not fetched again.
        report: told when the package lists have to be fetched too.

    Returns:
        The .deb files, in the order of their names.

    Raises:
        WeaveError: a package is unknown, or something can't be fetched (no network).
    """
    options = _private_state(folder)
    try:
        return _download(packages, folder, options)
    except WeaveError:
        # The machine's lists are missing or older than the archive: with lists of our own it may work.
        report("fetching the package lists")
        return _download_with_own_lists(packages, folder, options)


def file_names(uris: str) -> list[str]:
    """Return the .deb file names in what `apt-get --print-uris` printed: lines `'URI' FILE SIZE [HASH]`.

    Raises:
        WeaveError: a line is of another shape.
    """
    names = []
    for line in filter(None, map(str.strip, uris.splitlines())):
        fields = line.split()
        if len(fields) < 3 or not fields[0].startswith("'") or not fields[1].endswith(".deb"):
            raise WeaveError(f"apt-get printed a line that is no package: {line[:120]}")
        names.append(fields[1])
    return sorted(names)


def _download(packages: Sequence[str], folder: Path, options: Sequence[str]) -> list[Path]:
    install = ["--no-install-recommends", "-qq", "-y", "install", *packages]
    nowhere = folder / "nothing"  # --print-uris leaves out what the archive folder already has
    (nowhere / "partial").mkdir(parents=True, exist_ok=True)
    printed = run(
        ["apt-get", *options, f"-oDir::Cache::archives={nowhere}", "--print-uris", *install],
        what="choosing the packages",
    )
    names = file_names(printed.decode())
    archives = folder / "debs"
    (archives / "partial").mkdir(parents=True, exist_ok=True)
    run(
        ["apt-get", *options, f"-oDir::Cache::archives={archives}", "--download-only", *install],
        what="fetching the packages",
        hint="check the network",
    )
    return [archives / name for name in names]


def _download_with_own_lists(packages: Sequence[str], folder: Path, options: Sequence[str]) -> list[Path]:
    lists = folder / "lists"
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    options = [*options, f"-oDir::State::Lists={lists}"]
    update = ["apt-get", *options, "-oAPT::Update::Error-Mode=any", "-qq", "update"]
    hint = "check the network and apt's sources"
    trouble = None
    try:
        run(update, what="fetching the package lists", hint=hint)
    except WeaveError as error:  # perhaps only of a source that has none of these packages
        trouble = error
    try:
        return _download(packages, folder, options)
    except WeaveError as error:
        raise (trouble or error) from None


def _private_state(folder: Path) -> list[str]:
    """Return the options by which apt neither reads nor changes what is installed here."""
    folder.mkdir(parents=True, exist_ok=True)
    status = folder / "status"
    status.write_bytes(b"")
    if quote(str(folder), safe="/~+.:@%-_") != str(folder):
        raise WeaveError(f"apt can't work in a folder of this name: {folder}", hint="use one without spaces")
    return [
        f"-oDir::State::status={status}",
        f"-oDir::Cache={folder}",
        "-oDebug::NoLocking=1",
        "-oAPT::Sandbox::User=root",
        "-oAPT::Get::AllowUnauthenticated=false",
        "-oDpkg::Use-Pty=0",
    ]
