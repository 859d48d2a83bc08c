"""The container that holds the waiter: its create body and its name, for whoever provides it. Pure, for both sides."""

from __future__ import annotations

from collections.abc import Mapping

from weave_http import constants
from weave_http.errors import EngineError
from weave_http.hints import Any

NO_PROGRAM = "/usr/bin/env"
"""What a holder runs: it ends at once, and with 0, so that nobody takes it for something that failed."""


def holder_of(image: str, found: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return name and create body of the holder. The name has the image's id: another image brings its own waiter.

    Args:
        image: reference of weave's image.
        found: what `GET /images/{name}/json` says of it.

    Raises:
        EngineError: the image has no waiter.
    """
    if constants.WAITER_LABEL not in ((found.get("Config") or {}).get("Labels") or {}):
        raise EngineError(
            f"the image {image} has no {constants.WAITER}",
            hint="bring this version's there by `weave setup`, or say --no-wait",
        )
    return f"{constants.WAITER_VOLUMES}-{str(found['Id']).rpartition(':')[2][:12]}", {
        "Image": image,
        "Entrypoint": [NO_PROGRAM],
        "Labels": {constants.WAITER_VOLUMES: ""},
        "Volumes": {constants.WAITER_FOLDER: {}},
    }
