"""Networks: `/networks/…`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weave_http.engine.errors import NotFound
from weave_http.engine.reference import segment

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

    def default_gateway(self) -> str:
        """Return the IPv4 address that the host has, or is to have, on the default network; empty without one."""
        try:
            ranges = self.inspect(DEFAULT)["IPAM"].get("Config") or []
        except NotFound:  # an engine without it: `dockerd --bridge none`
            return ""
        gateways = [str(each.get("Gateway", "")) for each in ranges]
        return next((gateway for gateway in gateways if gateway and ":" not in gateway), "")
