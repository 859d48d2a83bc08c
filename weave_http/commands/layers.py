"""The layers of an image, as diff ids, the lowest first: a layer is known by all that is below it, too."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Any


def layers_of(image: dict[str, Any]) -> list[str]:
    """Return the layers of an image, as `GET /images/{name}/json` gives it."""
    return (image.get("RootFS") or {}).get("Layers") or []


def shared(some: Sequence[str], others: Sequence[str]) -> int:
    """Return how many layers two images have in common: the lowest ones."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(some, others, strict=False)))
