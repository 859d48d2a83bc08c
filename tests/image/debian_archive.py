"""A Debian archive on loopback, with packages that apt has fetched before: index, Release file, pool."""

from __future__ import annotations

import functools
import hashlib
import http.server
import lzma
import re
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from weave_http.image.mirror import RELEASE


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


def add_index(top: Path, suite: str, index: str, architecture: str) -> None:
    """Write an index of packages, and the Release file that has its digest."""
    packed = lzma.compress(index.encode(), preset=0)
    name = f"main/binary-{architecture}/Packages.xz"
    (top / "dists" / suite / name).parent.mkdir(parents=True)
    (top / "dists" / suite / name).write_bytes(packed)
    line = f" {hashlib.sha256(packed).hexdigest()} {len(packed):>8} {name}\n"
    (top / "dists" / suite / "Release").write_text(f"Suite: {suite}\nMD5Sum:\n {'0' * 32} 1 {name}\nSHA256:\n{line}")


def make_archive(root: Path, debs: Iterable[Path], architecture: str, release: str = RELEASE) -> None:
    """Put packages of a release into an archive `debian`, and none into `debian-security`."""
    pool = root / "debian" / "pool"
    pool.mkdir(parents=True, exist_ok=True)
    paragraphs = []
    for deb in debs:
        name = re.sub(r"_\d+%3a", "_", deb.name)
        (pool / name).symlink_to(deb.absolute())
        control = subprocess.run(["dpkg-deb", "-f", str(deb)], capture_output=True, text=True, check=True).stdout
        digest = hashlib.sha256(deb.read_bytes()).hexdigest()
        paragraphs.append(f"{control.strip()}\nFilename: pool/{name}\nSHA256: {digest}\n")
    add_index(root / "debian", release, "\n".join(paragraphs), architecture)
    add_index(root / "debian-security", f"{release}-security", "", architecture)


@contextmanager
def served(root: Path) -> Iterator[str]:
    """Serve a folder on loopback; yields the URL of the archive in it."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(root))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/debian"
        finally:
            server.shutdown()
            thread.join()
