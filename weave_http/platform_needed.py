"""What needs Linux says so: the caller's side runs wherever Python does."""

from __future__ import annotations

import sys

from weave_http.errors import WeaveError


def require_linux(what: str, *, hint: str = "") -> None:
    """Raise `WeaveError` unless this machine runs Linux.

    Args:
        what: it is for, the beginning of a sentence.
        hint: what to do instead.
    """
    system = str(sys.platform)
    if system != "linux":
        raise WeaveError(f"{what} needs Linux, and this machine runs {system}", hint=hint)
