"""The daemon itself: `/_ping`, `/version`, `/info`, `/events`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from weave_http.engine.body_streams import ObjectStream
from weave_http.engine.reference import json_filters
from weave_http.engine.wire.contract import Patience
from weave_http.records import dataclass

if TYPE_CHECKING:
    from weave_http.engine.client import Engine


@dataclass(frozen=True, slots=True)
class Ping:
    """What a daemon says of itself in the headers of `/_ping`.

    Args:
        api_version: the newest that it speaks, as `1.41`.
        os_type: `linux` or `windows`.
        server: name and version, as `Docker/20.10.24 (linux)`.
    """

    api_version: str
    os_type: str = ""
    server: str = ""

    @property
    def is_podman(self) -> bool:
        """Whether it is Podman that answers."""
        return self.server.startswith("Libpod")


class System:
    """The calls on the daemon itself."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def ping(self) -> Ping:
        """`HEAD /_ping`."""
        return self._engine.ping()

    def version(self) -> dict[str, Any]:
        """`GET /version`."""
        return self._engine.call_json("GET", "/version")

    def info(self) -> dict[str, Any]:
        """`GET /info`."""
        return self._engine.call_json("GET", "/info")

    def events(
        self,
        filters: Mapping[str, list[str]] | None = None,
        *,
        since: str | None = None,
        until: str | None = None,
    ) -> ObjectStream[dict[str, Any]]:
        """`GET /events`: what happens from now on, until it is closed.

        Args:
            filters: as `{"type": ["container"], "event": ["start"]}`.
            since, until: Unix times in seconds; `since` begins with what has happened, `until` ends the stream.
        """
        times = (("since", since), ("until", until))
        response = self._engine.send(
            "GET",
            "/events",
            query=tuple((key, value) for key, value in times if value) + json_filters(filters),
            patience=Patience.STREAM,
        )
        return ObjectStream(response, dict)
