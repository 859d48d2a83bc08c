"""The machine that is measured on, in words without its name."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from weave_http import __version__


def cpu_model(cpuinfo: str) -> str:
    """Return the model of the first processor in the text of /proc/cpuinfo."""
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.machine()


def memory_gib(meminfo: str) -> float:
    """Return the memory, in GiB, in the text of /proc/meminfo."""
    line = next(line for line in meminfo.splitlines() if line.startswith("MemTotal:"))
    return int(line.split()[1]) / 2**20


def describe(engine: str, cli: str) -> list[tuple[str, str]]:
    """Return what matters of this machine, as pairs of a thing and its description.

    Args:
        engine: version of the sandbox's engine.
        cli: version of the docker CLI.
    """
    return [
        ("CPU", f"{cpu_model(Path('/proc/cpuinfo').read_text())}, {os.cpu_count()} cores"),
        ("memory", f"{memory_gib(Path('/proc/meminfo').read_text()):.0f} GiB"),
        ("system", f"{platform.freedesktop_os_release()['PRETTY_NAME']}, kernel {platform.release()}"),
        ("engine", f"Docker {engine}, docker CLI {cli}"),
        ("Python", platform.python_version()),
        ("weave-http", __version__),
    ]
