"""wireguard-go, for hosts whose kernel has no WireGuard: always of the Debian release below, whatever the image's is.

Older ones (that of bookworm is of March 2022) reorder and lose packets under load and need a quarter more processor
time. It needs nothing but a C library, from 2.34 on, so it runs in an image of an older release.
"""

from __future__ import annotations

from pathlib import Path

from weave_http.image import mirror
from weave_http.image.apt import Machine
from weave_http.image.result import Report

RELEASE = "trixie"
PACKAGE = "wireguard-go"
_THERE_ALREADY = frozenset({"libc6"})


def fetch(folder: Path, *, system: Machine, archive: str, report: Report) -> Path:
    """Download the package, and return the .deb file.

    Args:
        folder: where it is kept; nothing else may be in it.
        system: whose architecture it is for.
        archive: URL of the Debian archive, as for `mirror.fetch`.
        report: told what is being done.

    Raises:
        WeaveError: the archive can't be trusted or reached, or has no such package for that architecture.
    """
    (deb,) = mirror.fetch(
        [PACKAGE], folder, system=system, archive=archive, skipped=_THERE_ALREADY, release=RELEASE, report=report
    )
    return deb
