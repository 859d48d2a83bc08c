"""What a router that encrypts was told."""

from __future__ import annotations

from dataclasses import dataclass

from weave_http.addresses import IP, Network


@dataclass(frozen=True, slots=True)
class SecrecyOptions:
    """How a router with a password treats peers.

    Args:
        trusted: subnets whose peers' data may be in the clear.
    """

    trusted: tuple[Network, ...] = ()

    def trusts(self, address: IP) -> bool:
        """Return whether data to a peer of an address may be in the clear, as far as we are concerned."""
        return any(address in network for network in self.trusted)
