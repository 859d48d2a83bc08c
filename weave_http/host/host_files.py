"""Files of the host, found through the root folder of its first process."""

from __future__ import annotations

import os
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path, PurePosixPath

from weave_http.addresses import IP

_MOST_LINKS = 16


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


def name_servers(resolv_conf: str) -> list[IP]:
    """Return the addresses of the name servers that a resolv.conf lists, without those that are none.

    Args:
        resolv_conf: what is in it.
    """
    servers: dict[IP, None] = {}
    for line in resolv_conf.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            with suppress(ValueError):
                servers[ip_address(words[1])] = None  # with a zone, too: `fe80::1%eth0`
    return list(servers)
