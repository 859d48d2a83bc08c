"""The image of the executor and the router, built from Debian packages and wheels: no image registry, no root.

Two layers: Debian's packages with the Python libraries and the waiter, kept in the cache, and on top this package's
code, made anew in about a second whenever the code changes.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import time
from collections.abc import Collection, Mapping
from pathlib import Path

from weave_http import __version__, atomic, constants
from weave_http.errors import WeaveError
from weave_http.image import apt, mirror, selection, tunnel, waiter, wheels
from weave_http.image.archive import INPUTS_LABEL, ImageConfig, Layer, inputs_of, write_archive
from weave_http.image.bytecode import compiled
from weave_http.image.deb import built, unpack
from weave_http.image.result import BuildResult, Report, locked, writing
from weave_http.image.tree import Entry, File, digest, layer_tar, newest, read_layer

PACKAGE = Path(__file__).parents[1]
"""The folder of the running weave_http; in a source checkout its parent is the project."""
CALLERS_SIDE = frozenset({"cli", "commands", "image", "sandbox", "transcript"})
"""The parts of this package that have no work on a Docker host, and whose libraries the image doesn't hold."""
CODE_FOLDER = f"{selection.PACKAGES_FOLDER}/weave_http"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_BESIDE = {"__init__", "archive", "context", "download", "guest", "mirror", "result", "tools"}
"""Modules of the recipe whose change leaves the lower layer as it is."""


def build_image(
    out: Path, *, cache: Path, tag: str = constants.DEFAULT_IMAGE, report: Report, refresh: bool = False
) -> BuildResult:
    """Build the image for the release and architecture of this machine as an archive for `POST /images/load`.

    Args:
        out: the archive to write; left alone when it was made from the same inputs.
        cache: folder for packages, wheels and the lower layer. It may be shared; a build waits for another's end.
        tag: name of the image, `REPOSITORY:TAG`.
        report: told in a line what is being done.
        refresh: resolve packages and libraries anew, to get updates.

    Raises:
        WeaveError: a tool is missing, or something can't be fetched or written; one line.
    """
    began = time.monotonic()
    out, cache = out.absolute(), cache.absolute()
    system = apt.machine()
    code = host_side(PACKAGE)
    with locked(cache), writing(out):
        base_key = lower_key(system)
        key = digest([base_key.encode(), tag.encode(), *_recipe(), *_flat(code)])
        reused = not refresh and inputs_of(out) == key
        if not reused:
            base = Layer(
                _base_tar(base_key, cache, system, report, refresh=refresh), "Debian packages, Python libraries"
            )
            report("compiling weave-http")
            created = newest(base.tar)
            code |= compiled(read_layer(base.tar), code, [CODE_FOLDER], scratch=cache)
            layers = [base, Layer(layer_tar(code, mtime=created), f"weave-http {__version__}")]
            report(f"writing {out}")
            write_archive(out, tag=tag, config=_config(system, created, tag, key), layers=layers)
    return BuildResult(out, tag, out.stat().st_size, time.monotonic() - began, reused)


def host_side(package: Path) -> dict[str, Entry]:
    """Return the upper layer without its byte-code: the launcher and this package's part for the Docker host.

    Args:
        package: the folder `weave_http` on this machine.
    """
    tree: dict[str, Entry] = {"usr/bin/weave": File((package / "image" / "launcher").read_bytes(), 0o755)}
    for path in sorted(package.rglob("*")):
        inside = path.relative_to(package)
        if inside.parts[0] not in CALLERS_SIDE and "__pycache__" not in inside.parts and path.is_file():
            tree[f"{CODE_FOLDER}/{inside.as_posix()}"] = File(path.read_bytes())
    return tree


def lower_key(system: apt.Machine) -> str:
    """Return a digest of what the lower layer is made from: release, wishes, pinned versions and this recipe itself."""
    pinned = wheels.constraints(PACKAGE.parent)
    wishes = [system.release, system.architecture, *selection.PACKAGES, *wheels.requirements(PACKAGE.parent)]
    pins = pinned.read_bytes() if pinned else b""
    return digest([*(wish.encode() for wish in wishes), pins, waiter.SOURCE.read_bytes(), *_recipe(_BESIDE)])


def _recipe(without: Collection[str] = ()) -> list[bytes]:
    """Return the modules that say how an image is made."""
    return [path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")) if path.stem not in without]


def _base_tar(key: str, cache: Path, system: apt.Machine, report: Report, *, refresh: bool) -> bytes:
    """Return the lower layer, from the cache or made now. Only the newest one is kept."""
    kept = cache / f"base-{key[:32]}.tar"
    if kept.is_file() and not refresh:
        return kept.read_bytes()
    report("fetching Debian packages")
    debs = apt.fetch(selection.PACKAGES, cache / "apt", report=report)
    debs.append(tunnel.fetch(cache / "tunnel", system=system, archive=mirror.ARCHIVE, report=report))
    tree = root_tree(debs, cache / "wheels", system, report)
    tree |= waiter.compile_waiter(system, cache / "apt", scratch=cache, report=report)
    report("compiling the Python libraries")
    stdlib = f"usr/lib/{Path(selection.python_program(tree)).name}"
    tree |= compiled(tree, {}, [stdlib, selection.PACKAGES_FOLDER], scratch=cache)
    data = layer_tar(tree, mtime=max(map(built, debs)))
    for stale in [*cache.glob("base-*"), *cache.glob(".base-*.new")]:
        stale.unlink()
    atomic.write(kept, data)
    return data


def root_tree(debs: list[Path], folder: Path, system: apt.Machine, report: Report) -> dict[str, Entry]:
    """Return the lower layer without byte-code and waiter: what is wanted of the packages, and the Python libraries.

    Args:
        debs: the packages.
        folder: for wheels; nothing else may be in it.
        system: the machine it is for.
        report: told what is being done.

    Raises:
        WeaveError: the packages are not whole, or the libraries can't be fetched.
    """
    tree = selection.pick(unpack(debs, selection.UNWANTED))
    selection.add_by_hand(tree)
    report("fetching Python libraries")
    return tree | _libraries(tree, debs, folder, system)


def _libraries(tree: Mapping[str, Entry], debs: list[Path], folder: Path, system: apt.Machine) -> dict[str, Entry]:
    python = re.search(r"(\d+)\.(\d+)$", selection.python_program(tree))
    libc = next((re.match(r"libc6_(\d+)\.(\d+)", deb.name) for deb in debs if deb.name.startswith("libc6_")), None)
    if python is None or libc is None:
        raise WeaveError("the packages hold no Python or C library of a known version")
    shutil.rmtree(folder, ignore_errors=True)  # what pip leaves in it is exactly what is needed
    found = wheels.fetch(
        wheels.requirements(PACKAGE.parent),
        folder,
        pinned=wheels.constraints(PACKAGE.parent),
        python=(int(python[1]), int(python[2])),
        architecture=system.architecture,
        glibc=(int(libc[1]), int(libc[2])),
    )
    return wheels.unpack(found)


def _config(system: apt.Machine, created: int, tag: str, key: str) -> ImageConfig:
    return ImageConfig(
        architecture=system.architecture,
        created=created,
        env=image_env(tag),
        labels={**image_labels(system), INPUTS_LABEL: key},
        entrypoint=[constants.EXECUTOR_PROGRAM],
    )


def image_env(tag: str) -> dict[str, str]:
    """Return the environment of the image of that name."""
    return {"PATH": PATH, "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", "WEAVE_IMAGE": tag}


def image_labels(system: apt.Machine) -> dict[str, str]:
    """Return the labels of the image that say what it is and has; `INPUTS_LABEL` is not among them."""
    return {
        "org.opencontainers.image.title": "weave-http",
        "org.opencontainers.image.description": "Executor and router of weave-http",
        "org.opencontainers.image.version": __version__,
        "org.opencontainers.image.licenses": "Apache-2.0",
        "org.opencontainers.image.base.name": system.release,
        **({constants.WAITER_LABEL: constants.WAITER} if system.architecture in waiter.ARCHITECTURES else {}),
    }


def _flat(tree: Mapping[str, Entry]) -> list[bytes]:
    return [part for path, entry in sorted(tree.items()) for part in (path.encode(), _content(entry))]


def _content(entry: Entry) -> bytes:
    return hashlib.sha256(entry.data).digest() if isinstance(entry, File) else repr(entry).encode()
