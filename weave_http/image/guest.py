"""A tiny image for the containers that people try the network with: busybox and nothing else."""

from __future__ import annotations

import re
import time
from pathlib import Path

from weave_http import __version__
from weave_http.errors import WeaveError
from weave_http.image import apt
from weave_http.image.archive import INPUTS_LABEL, ImageConfig, Layer, inputs_of, write_archive
from weave_http.image.deb import built, unpack
from weave_http.image.result import BuildResult, Report, locked, writing
from weave_http.image.selection import normal
from weave_http.image.tree import Directory, Entry, File, Symlink, digest, layer_tar

TAG = "weave-guest:latest"


def build_guest_image(out: Path, *, cache: Path, report: Report) -> BuildResult:
    """Build an image with busybox's shell, ping, nc, ip, httpd, sha256sum and so on; it starts `sh`.

    Args:
        out: the archive to write; left alone when it was made from the same inputs.
        cache: folder for the package; may be that of `build_image`.
        report: told in a line what is being done.

    Raises:
        WeaveError: a tool is missing, or something can't be fetched or written; one line.
    """
    began = time.monotonic()
    out, cache = out.absolute(), cache.absolute()
    system = apt.machine()
    with locked(cache), writing(out):
        recipe = Path(__file__).read_bytes()
        key = digest([system.release.encode(), system.architecture.encode(), TAG.encode(), recipe])
        reused = inputs_of(out) == key
        if not reused:
            report("fetching busybox")
            debs = apt.fetch(["busybox-static"], cache / "apt", report=report)
            deb = next((found for found in debs if found.name.startswith("busybox-static_")), None)
            if deb is None:
                raise WeaveError("apt has no package busybox-static for this machine")
            created = built(deb)
            config = ImageConfig(
                architecture=system.architecture,
                created=created,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                labels={"org.opencontainers.image.title": "weave-guest", INPUTS_LABEL: key},
                cmd=["sh"],
            )
            layer = Layer(layer_tar(guest_tree(deb), mtime=created), f"busybox (weave-http {__version__})")
            report(f"writing {out}")
            write_archive(out, tag=TAG, config=config, layers=[layer])
    return BuildResult(out, TAG, out.stat().st_size, time.monotonic() - began, reused)


def guest_tree(deb: Path) -> dict[str, Entry]:
    """Return the files of the image: busybox out of its package, a link for each thing it can do, mount points."""
    (package,) = unpack([deb], frozenset())
    program = next((entry for path, entry in package.items() if normal(path) == "usr/bin/busybox"), None)
    if not isinstance(program, File):
        raise WeaveError(f"{deb.name} holds no busybox")
    tree: dict[str, Entry] = {"bin/busybox": program, "etc/passwd": File(b"root:x:0:0:root:/root:/bin/sh\n")}
    tree["etc/group"] = File(b"root:x:0:\n")
    for folder in ("dev", "etc", "proc", "root", "run", "srv", "sys"):
        tree[folder] = Directory()
    tree["tmp"] = Directory(0o1777)
    return tree | {f"bin/{name}": Symlink("busybox") for name in applets(program.data)}


def applets(program: bytes) -> list[str]:
    """Return the names that a busybox answers to, as the list in the program itself has them.

    They stand together, sorted and ended by zero bytes: `[`, `[[`, then letters. Anything may stand before them.
    """
    table = re.search(rb"\[\0\[\[\0((?:[a-z0-9_.\-]+\0){100,})", program)
    if table is None:
        raise WeaveError("this busybox has no list of applets")
    return ["[", "[[", *(name.decode() for name in table[1].split(b"\0") if name and name != b"busybox")]
