"""What is sent to a daemon that builds the image by itself: a tar with a Dockerfile, for `POST /build`.

There are two ways. With one of Debian's images on the daemon, its own apt and pip do the work (`with_base`). Without
one, everything is fetched here, and the daemon only unpacks and compiles it (`lower_half`, `upper_half`). These are two
builds, so that the next version of weave-http sends its own code and nothing else.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from weave_http import __version__, constants
from weave_http.errors import WeaveError
from weave_http.image import mirror, selection, tunnel, waiter, wheels
from weave_http.image.apt import Machine
from weave_http.image.build import CODE_FOLDER, PACKAGE, host_side, image_env, image_labels, lower_key, root_tree
from weave_http.image.deb import unpack
from weave_http.image.result import Report, locked, writing
from weave_http.image.selection import normal
from weave_http.image.tree import Entry, File, layer_tar
from weave_http.records import dataclass, field

BASES = (
    *("debian:bookworm-slim", "debian:bookworm", "debian:trixie-slim", "debian:trixie", "debian:stable-slim"),
    *("python:3.11-slim", "python:3.12-slim", "python:3.13-slim", "python:3-slim", "python:3.11", "python:3"),
)
"""Images that the Dockerfile may start from, the preferred one first; the first is the one to pull."""
HALF = "weavehttp/lower"
"""Repository, on the daemon alone, of lower halves; the tag tells what they are made of."""
STAGE_LABEL = "works.weave.image.stage"
"""Label of an image that a build leaves behind, without a name, and that nothing needs."""
_DOCKERFILE = Path(__file__).with_name("Dockerfile")
_CHUNK = 256 << 10
_COMPILE = ["-BSs", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
_COMPILE_PLACE = "/tools"
"""Where the compiler of the waiter is, in a stage that nothing else is taken from."""


@dataclass(frozen=True, slots=True)
class Context:
    """A build context: its files, and the values of the Dockerfile's arguments.

    Iterating over it yields it as a compressed tar, from the beginning each time.
    """

    files: Mapping[str, Entry]
    arguments: Mapping[str, str] = field(default_factory=dict)

    def __iter__(self) -> Iterator[bytes]:
        """Yield the archive's bytes."""
        packer = zlib.compressobj(1, wbits=16 + zlib.MAX_WBITS)
        tar = memoryview(layer_tar(self.files, mtime=0))
        for begin in range(0, len(tar), _CHUNK):
            if data := packer.compress(tar[begin : begin + _CHUNK]):
                yield data
        yield packer.flush()


def with_base(base: str, tag: str) -> Context:
    """Return the context of the image's Dockerfile.

    Args:
        base: image with Debian in it, which the daemon has.
        tag: name that the image will have.
    """
    project = PACKAGE.parent
    pinned = wheels.constraints(project)
    wishes = json.dumps(list(wheels.requirements(project)))
    code = {
        f"weave_http/{path.removeprefix(f'{CODE_FOLDER}/')}": entry
        for path, entry in host_side(PACKAGE).items()
        if path.startswith(CODE_FOLDER)
    }
    files: dict[str, Entry] = {
        "Dockerfile": File(_DOCKERFILE.read_bytes()),
        "pyproject.toml": File(f"[project.optional-dependencies]\nhost = {wishes}\n".encode()),
        "constraints.txt": File(pinned.read_bytes() if pinned else b""),
        "weave_http/image/launcher": File((PACKAGE / "image" / "launcher").read_bytes(), 0o755),
        "weave_http/image/waiter.c": File(waiter.SOURCE.read_bytes()),
        **code,
    }
    return Context(files, {"BASE": base, "TAG": tag, "VERSION": __version__})


def debian(architecture: str) -> Machine:
    """Return the system that an image without a base is made of.

    Args:
        architecture: the daemon's, as it names it.

    Raises:
        WeaveError: no image can be made for that.
    """
    if architecture not in mirror.ARCHITECTURES:
        known = " and ".join(sorted(mirror.ARCHITECTURES))
        raise WeaveError(f"from Debian's packages an image is made for {known}, and not for {architecture}")
    return Machine(f"debian {mirror.RELEASE}", architecture)


def half_name(system: Machine) -> str:
    """Return the name of the lower half on the daemon; equal names, nothing to build."""
    return f"{HALF}:{lower_key(system)[:32]}"


def lower_half(system: Machine, cache: Path, *, archive: str, report: Report) -> Context:
    """Fetch what is below weave-http's own code, and return the context that makes an image of it.

    Args:
        system: as `debian` says.
        cache: folder for packages and wheels, as for `build_image`.
        archive: URL of the Debian archive.
        report: told what is being done.

    Raises:
        WeaveError: something can't be fetched, or is not what was promised.
    """
    folder = cache / f"mirror-{system.architecture}"
    with locked(cache), writing(folder):
        packages = [*selection.PACKAGES, "tcc"]
        debs = mirror.fetch(packages, folder, system=system, archive=archive, skipped=selection.UNWANTED, report=report)
        debs.append(
            tunnel.fetch(cache / f"tunnel-{system.architecture}", system=system, archive=archive, report=report)
        )
        compiler = [deb for deb in debs if deb.name.startswith("tcc_")]
        tree = root_tree(
            [deb for deb in debs if deb not in compiler], cache / f"wheels-{system.architecture}", system, report
        )
        tools = {path: entry for package in unpack(compiler, frozenset()) for path, entry in package.items()}
        # The compiler needs parts of the C library that nothing in the image does.
        libc = [deb for deb in debs if deb.name.startswith("libc6_")]
        libraries = {normal(path): entry for package in unpack(libc, frozenset()) for path, entry in package.items()}
    python = f"/{selection.python_program(tree)}"
    folders = [f"/usr/lib/{PurePosixPath(python).name}", f"/{selection.PACKAGES_FOLDER}"]
    tools = {f"{_COMPILE_PLACE[1:]}/{normal(path)}": entry for path, entry in tools.items()}
    home = next((str(PurePosixPath(f"/{path}").parent) for path in tools if path.endswith("/tcc/libtcc1.a")), None)
    if home is None:
        raise WeaveError("the package tcc holds no compiler")
    words = [f"{_COMPILE_PLACE}/usr/bin/tcc", f"-B{home}", *waiter.OPTIONS, "-o", constants.WAITER, "/w/w.c"]
    lines = [
        "FROM scratch AS plain",
        "ADD root.tar /",
        f"RUN {json.dumps([python, *_COMPILE, *folders])}",
        "FROM plain AS waiter",
        "ADD tools.tar /",
        "COPY waiter.c /w/w.c",
        f"RUN {json.dumps(words)}",
        f"RUN {json.dumps(['/usr/bin/rm', '/w/w.c'])}",
        f"LABEL {STAGE_LABEL}=waiter",
        "FROM plain",
        f"COPY --from=waiter {constants.WAITER_FOLDER} {constants.WAITER_FOLDER}",
    ]
    files: dict[str, Entry] = {
        "root.tar": File(layer_tar(tree, mtime=0)),
        "tools.tar": File(
            layer_tar({**{path: libraries[path] for path in libraries if ".so" in path}, **tools}, mtime=0)
        ),
        "waiter.c": File(waiter.SOURCE.read_bytes()),
    }
    return _context(lines, files)


def upper_half(system: Machine, half: str, tag: str) -> Context:
    """Return the context that makes the image, of its lower half and weave-http's own code.

    Args:
        system: as `debian` says.
        half: id of the lower half on the daemon.
        tag: name that the image will have.
    """
    lines = [
        f"FROM {half}",
        "ADD code.tar /",
        f"RUN {json.dumps(['/usr/bin/python3', *_COMPILE, f'/{CODE_FOLDER}'])}",
        *(f"ENV {name}={json.dumps(value)}" for name, value in image_env(tag).items()),
        *(f"LABEL {name}={json.dumps(value)}" for name, value in image_labels(system).items()),
        f"ENTRYPOINT {json.dumps([constants.EXECUTOR_PROGRAM])}",
    ]
    return _context(lines, {"code.tar": File(layer_tar(host_side(PACKAGE), mtime=0))})


def _context(lines: list[str], files: Mapping[str, Entry]) -> Context:
    return Context({"Dockerfile": File("".join(f"{line}\n" for line in lines).encode()), **files})
