"""`--platform`: os[/architecture[/variant]], with the names that people use for them."""

from __future__ import annotations

import os
import re

from weave_http.run_args.wrong import BadValue

_PART = re.compile(r"[A-Za-z0-9_.-]+")
_ARCHITECTURES = {
    "i386": ("386", ""),
    "x86_64": ("amd64", ""),
    "x86-64": ("amd64", ""),
    "aarch64": ("arm64", ""),
    "arm64": ("arm64", ""),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
}
_KNOWN_ARCHITECTURES = (
    "386 amd64 amd64p32 arm armbe arm64 arm64be ppc64 ppc64le loong64 mips mipsle mips64 mips64le mips64p32 "
    "mips64p32le ppc riscv riscv64 s390 s390x sparc sparc64 wasm"
)
_KNOWN_SYSTEMS = (
    "aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris windows zos"
)
_OWN_SYSTEM = "linux"
_MACHINES = {"armv7l": "armhf", "armv6l": "armel", "i686": "386"}
"""What `uname -m` calls some of them."""


def platform(text: str, machine: str) -> str:
    """Return `os/architecture[/variant]`.

    Args:
        text: one to three parts; a lone architecture is Linux's, a lone system is of this machine's architecture.
        machine: this machine's architecture, as `uname -m` calls it; empty to ask.
    """
    parts = text.split("/")
    if len(parts) > 3 or not all(_PART.fullmatch(part) for part in parts):
        raise BadValue("expected os[/architecture[/variant]], as in linux/arm64")
    first = parts[0].lower()
    system = "darwin" if first == "macos" else first
    if len(parts) == 1:
        if system in _KNOWN_SYSTEMS.split():
            machine = machine or os.uname().machine
            return _joined(system, *_architecture(_MACHINES.get(machine, machine), ""))
        architecture, variant = _architecture(first, "")
        if architecture not in _KNOWN_ARCHITECTURES.split():
            raise BadValue("neither a system nor an architecture that is known")
        return _joined(_OWN_SYSTEM, architecture, variant)
    architecture, variant = _architecture(parts[1].lower(), parts[2].lower() if len(parts) > 2 else "")
    if len(parts) == 3 and architecture == "arm64" and not variant:
        variant = "v8"
    return _joined(system, architecture, variant, full=len(parts) == 3)


def _architecture(name: str, variant: str) -> tuple[str, str]:
    """Return architecture and variant by their usual names."""
    usual, own = _ARCHITECTURES.get(name, (name, variant))
    if name in ("armhf", "armel"):
        return usual, own
    if usual == "arm64" and variant in ("8", "v8"):
        return usual, ""
    if usual == "amd64" and variant == "v1":
        return usual, ""
    if usual == "arm" and variant in ("5", "6", "7", "8"):
        return usual, f"v{variant}"
    if usual == "arm" and not variant:
        return usual, "v7"
    return usual, variant if name not in ("i386",) else ""


def _joined(system: str, architecture: str, variant: str, *, full: bool = False) -> str:
    if architecture == "arm" and variant == "v7" and not full:
        variant = ""
    return "/".join(part for part in (system, architecture, variant) if part)
