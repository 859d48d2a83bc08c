"""The progress of a pull, push, load, import or build."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weave_http.engine.errors import StreamError
from weave_http.records import dataclass, field


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of a pull, push, load, import or build.

    Args:
        text: what happens, as `Downloading`, or a line of output.
        id: the layer it happens to, or empty.
        current: bytes done, 0 if unknown.
        total: bytes in all, 0 if unknown.
        result: what came of it, as `{"ID": "sha256:…"}` of a build or `{"Tag": …, "Digest": …}` of a push; else empty.
    """

    text: str
    id: str = ""
    current: int = 0
    total: int = 0
    result: Mapping[str, Any] = field(default_factory=dict, hash=False)


def progress(value: Mapping[str, Any]) -> Progress:
    """Make a `Progress` of the object in which a daemon reports one.

    Raises:
        StreamError: it reports a failure: the status of such an answer is 200 all the same.
    """
    detail = value.get("errorDetail")
    message = detail.get("message") if isinstance(detail, dict) else None
    if message or detail is not None or value.get("error"):
        raise StreamError(" ".join(str(message or value.get("error") or "the daemon reports an error").split()))
    counted = value.get("progressDetail")
    counted = counted if isinstance(counted, dict) else {}
    text = value.get("status") or value.get("stream") or ""
    result = value.get("aux")
    return Progress(
        str(text).strip(),
        str(value.get("id", "")),
        _number(counted.get("current")),
        _number(counted.get("total")),
        result if isinstance(result, dict) else {},
    )


def _number(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0
