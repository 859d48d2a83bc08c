"""Networks: `/networks/…`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from weave_http.engine.errors import NotFound
from weave_http.engine.reference import json_filters, segment
from weave_http.engine.wire.contract import Patience

if TYPE_CHECKING:
    from weave_http.engine.client import Engine

DEFAULT = "bridge"
"""The network of containers that ask for none; Podman answers to this name as well."""


class Networks:
    """The calls on networks."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def inspect(self, reference: str) -> dict[str, Any]:
        """`GET /networks/{id}`."""
        return self._engine.call_json("GET", f"/networks/{segment(reference, 'network')}")

    def list(self, *, filters: Mapping[str, list[str]] | None = None) -> list[dict[str, Any]]:
        """`GET /networks`, without the containers that are on each.

        Args:
            filters: as `{"driver": ["bridge"]}`.
        """
        return self._engine.call_list("GET", "/networks", query=json_filters(filters))

    def create(self, body: Mapping[str, Any]) -> str:
        """`POST /networks/create`; returns the network's id.

        Args:
            body: as the engine takes it; `Name` is in it.

        Raises:
            Conflict: there is one of that name.
        """
        return self._engine.call_for_id("POST", "/networks/create", value=body, patience=Patience.LONG)[0]

    def remove(self, reference: str) -> None:
        """`DELETE /networks/{id}`. Containers that are on it keep it from going."""
        self._engine.call("DELETE", f"/networks/{segment(reference, 'network')}", patience=Patience.LONG)

    def default_gateway(self) -> str:
        """Return the IPv4 address that the host has, or is to have, on the default network; empty without one."""
        try:
            ranges = self.inspect(DEFAULT)["IPAM"].get("Config") or []
        except NotFound:  # an engine without it: `dockerd --bridge none`
            return ""
        gateways = [str(each.get("Gateway", "")) for each in ranges]
        return next((gateway for gateway in gateways if gateway and ":" not in gateway), "")
