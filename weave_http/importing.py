"""Whether a signal came in the midst of an import."""

from __future__ import annotations

from weave_http.hints import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType


def is_importing(frame: FrameType | None) -> bool:
    """Tell whether a frame is part of an import: an exception raised there is swallowed, or keeps the import lock.

    Args:
        frame: where the signal's handler was called.
    """
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
