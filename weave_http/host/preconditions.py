"""Checks before an operation begins: root, Linux, and a kernel that is not too old."""

from __future__ import annotations

import os
import re

from weave_http.errors import HostError
from weave_http.host.host import Host

LEAST_KERNEL = (3, 5)


def check(host: Host) -> None:
    """Raise `HostError` unless this is root on Linux; only warn of a kernel that is too old."""
    if os.geteuid() != 0:
        raise HostError("must be root when local")
    system = os.uname()
    if system.sysname != "Linux":
        raise HostError(f"runs on Linux, and this host is {system.sysname}")
    version = re.match(r"(\d+)\.(\d+)", system.release)
    if version is None:
        raise HostError(f"can't make out the kernel's version from {system.release!r}")
    if (int(version[1]), int(version[2])) < LEAST_KERNEL:
        least = ".".join(map(str, LEAST_KERNEL))
        host.warn(f"WARNING: kernel {system.release} is older than {least}; weave may not work")
