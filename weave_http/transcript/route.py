"""A route of the Docker Engine API: its name in Docker's documentation, why it is called, what stands for its answer.

`weave_http.transcript.routes` has all of them.
"""

from __future__ import annotations

import json
import re
from enum import Enum
from functools import cached_property

from weave_http import constants
from weave_http.engine.wire.contract import Request
from weave_http.records import dataclass
from weave_http.transcript.canned import Canned

_DOCUMENTATION = "https://docs.docker.com/reference/api/engine/version/v{version}/#tag/{tag}/operation/{name}"
OBJECT = Canned(200, b"{}")


class Purpose(Enum):
    """What a container is for."""

    EXECUTOR = "executor"
    USER = "user"
    VOLUMES = "volumes"


def purpose_of(request: Request) -> Purpose:
    """Return what the container is for that a request creates."""
    config = json.loads(request.body) if isinstance(request.body, bytes) else {}
    if constants.WAITER_VOLUMES in (config.get("Labels") or {}):
        return Purpose.VOLUMES
    return Purpose.EXECUTOR if (config.get("Cmd") or [])[:1] == ["--local"] else Purpose.USER


def command_of(request: Request) -> str:
    """Return which operation the executor is told that a request creates; empty for another container."""
    config = json.loads(request.body) if isinstance(request.body, bytes) else {}
    words = config.get("Cmd") or []
    return str(words[1]) if words[:1] == ["--local"] and len(words) > 1 else ""


@dataclass(frozen=True)
class Route:
    """A route of the Docker Engine API.

    Args:
        method: HTTP method.
        path: as in Docker's documentation, without the version: `/containers/{id}/start`.
        name: the operation's id there; empty for a route that is not in our table.
        tag: chapter of the documentation.
        stands: what answers it in a rehearsal and in a dry run.
        answer: the status that it is answered with, and what comes with it, in words.
        executor: why it is called for weave's throw-away container, or at all; empty where no command calls it.
        user: why it is called for the user's own container, or its image, where that differs.
        volumes: why it is called for the container that holds the waiter, or its image, where that differs.
    """

    method: str
    path: str
    name: str
    tag: str
    stands: Canned = OBJECT
    answer: str = ""
    executor: str = ""
    user: str = ""
    volumes: str = ""

    @cached_property
    def pattern(self) -> str:
        """The path as a regular expression; group `subject` is what it is about."""
        # The name of an image may have slashes.
        subject = ".+" if self.path.startswith("/images/") else "[^/]+"
        return re.sub(r"\{\w+\}", f"(?P<subject>{subject})", self.path)

    def why(self, purpose: Purpose) -> str:
        """Return why it is called."""
        return {Purpose.USER: self.user, Purpose.VOLUMES: self.volumes}.get(purpose, "") or self.executor

    def documentation(self, version: str) -> str:
        """Return its address in Docker's documentation; empty for a route that is not in our table.

        Args:
            version: API version, as `1.51`.
        """
        return _DOCUMENTATION.format(version=version, tag=self.tag, name=self.name) if self.name else ""
