"""What an image or a machine runs on, as `linux/amd64`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def platform(said: Mapping[str, Any], system: str, machine: str) -> str:
    """Return what a document says of it, on one line whatever it says; empty if it does not say both.

    Args:
        said: of an image, or of a daemon's version.
        system, machine: where it says them.
    """
    parts = [" ".join(str(said.get(key) or "").split()) for key in (system, machine)]
    return "/".join(parts) if all(parts) else ""
