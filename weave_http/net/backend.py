"""The protocol for what carries frames of the bridge to other hosts; `vxlan` follows it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from weave_http.addresses import IP


class Backend(Protocol):
    """One way to reach other hosts. Blocking; usable from any thread; every method converges."""

    @property
    def overhead(self) -> int:
        """Bytes that it adds to a packet of the overlay: the overlay's MTU is the underlay's less these."""
        ...

    def ensure(self, mtu: int) -> None:
        """Have there what it needs, with that MTU of the overlay in bytes. Raises `HostError`."""
        ...

    def destinations(self) -> set[IP]:
        """Return the underlay addresses of the hosts that get frames; empty if nothing is there. Raises `HostError`."""
        ...

    def apply(self, destinations: Collection[IP], neighbours: Collection[IP] = ()) -> bool:
        """Have these hosts get frames, no more and no fewer; return whether others did.

        Args:
            destinations: their underlay addresses.
            neighbours: of hosts from which frames or probes come.

        Raises:
            HostError: the kernel refused.
        """
        ...
