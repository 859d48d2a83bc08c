"""The host's name servers, as its resolv.conf has them.

The router's own /etc/resolv.conf is a copy that the engine made when the container started. The host's is found in the
root folder of the host's first process, and read anew, because it changes with networks and VPNs.
"""

from __future__ import annotations

import os
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from pathlib import Path, PurePosixPath

FILE = "/etc/resolv.conf"
MOST_SERVERS = 3
"""As many as the C library takes."""
REREAD = 5.0
"""Seconds for which what was read is taken for what there is."""
_LONGEST = 64 * 1024
_MOST_LINKS = 16


class NameServers:
    """The host's name servers.

    Args:
        procfs: where the host's /proc is.
        path: of the file, as the host sees it.
        own: addresses that are no upstream server, because we listen there.
    """

    def __init__(self, procfs: str, path: str = FILE, own: str = "") -> None:
        self._root = Path(procfs, "1", "root")
        self._path = path
        self._read_at = float("-inf")
        self._found: list[str] = []
        self.own = own

    def get(self, now: float) -> list[str]:
        """Return the addresses of the servers, at most `MOST_SERVERS`.

        Args:
            now: the time, in seconds of any clock that only goes forward.
        """
        if now - self._read_at >= REREAD:
            self._read_at = now
            self._found = parse(self._read())
        return [server for server in self._found if server != self.own][:MOST_SERVERS]

    def _read(self) -> str:
        for root in (self._root, Path("/")):
            try:
                with inside(root, self._path).open("rb") as stream:
                    return stream.read(_LONGEST).decode(errors="replace")
            except OSError:
                continue
        return ""


def parse(text: str) -> list[str]:
    """Return the addresses of the name servers that a resolv.conf lists, without those that are none."""
    servers = []
    for line in text.splitlines():
        words = line.split()
        if len(words) < 2 or words[0] != "nameserver":
            continue
        try:
            IPv6Address(words[1]) if ":" in words[1] else IPv4Address(words[1])
        except AddressValueError:
            continue
        servers.append(words[1])
    return list(dict.fromkeys(servers))


def inside(root: Path, path: str) -> Path:
    """Return where a path of another root folder is for us: links in it are followed as if that was the root.

    Args:
        root: that root folder.
        path: absolute path as it is there.

    Raises:
        OSError: too many links.
    """
    done = PurePosixPath("/")
    left = list(PurePosixPath(path).parts[1:])
    links = 0
    while left:
        part = left.pop(0)
        if part == "..":
            done = done.parent
            continue
        here = root / done.relative_to("/") / part
        if not here.is_symlink():
            done /= part
            continue
        links += 1
        if links > _MOST_LINKS:
            raise OSError(f"too many links in {path}")
        target = PurePosixPath(os.readlink(here))
        if target.is_absolute():
            done = PurePosixPath("/")
        left = [*(each for each in target.parts if each != "/"), *left]
    return root / done.relative_to("/")
