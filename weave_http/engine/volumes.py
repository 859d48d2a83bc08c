"""Volumes: `/volumes/…`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from weave_http.engine.reference import json_filters, segment
from weave_http.engine.wire.contract import Patience

if TYPE_CHECKING:
    from weave_http.engine.client import Engine


class Volumes:
    """The calls on volumes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, name: str, *, labels: Mapping[str, str] | None = None) -> dict[str, Any]:
        """`POST /volumes/create`: returns the volume, which may have been there already."""
        segment(name, "volume")
        return self._engine.call_json(
            "POST", "/volumes/create", value={"Name": name, "Labels": dict(labels or {})}, patience=Patience.LONG
        )

    def inspect(self, name: str) -> dict[str, Any]:
        """`GET /volumes/{name}`."""
        return self._engine.call_json("GET", f"/volumes/{segment(name, 'volume')}")

    def list(self, *, filters: Mapping[str, list[str]] | None = None) -> list[dict[str, Any]]:
        """`GET /volumes`."""
        answer = self._engine.call_json("GET", "/volumes", query=json_filters(filters))
        value: list[dict[str, Any]] = answer.get("Volumes") or []
        return value

    def remove(self, name: str, *, force: bool = False) -> None:
        """`DELETE /volumes/{name}`. `Conflict` means that a container uses it.

        Args:
            force: a volume that is not there is no error.
        """
        query = (("force", "1"),) if force else ()
        self._engine.call("DELETE", f"/volumes/{segment(name, 'volume')}", query=query, patience=Patience.LONG)
