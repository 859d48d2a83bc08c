"""What the router is told about addresses at its start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weave_http.addresses import Network
from weave_http.operations.flag_values import Init
from weave_http.records import dataclass
from weave_http.router.mesh.identity import PeerName, parse_peer_name


@dataclass(frozen=True, slots=True)
class AddressOptions:
    """How addresses are handed out.

    Args:
        ranges: what all of them are from.
        defaults: the subnets for those who name none, one of each range.
        count: of peers that there are at the beginning.
        observer: have no vote.
        seed: the peers that share the range from the beginning.
        reclaim: seconds after which the share of a peer out of reach is taken back; None for never.
    """

    ranges: tuple[Network, ...]
    defaults: tuple[Network, ...]
    count: int
    observer: bool = False
    seed: tuple[PeerName, ...] = ()
    reclaim: float | None = None

    @property
    def ipv4(self) -> Network | None:
        """The subnet of IPv4 for those who name none; None if IPv6 alone is handed out."""
        return next((each for each in self.defaults if each.version == 4), None)


def from_flags(values: Mapping[str, Any], targets: int) -> AddressOptions | None:
    """Return the options, None if no addresses are to be handed out. Raises `UsageError`.

    Args:
        values: of the flags, by name.
        targets: how many peers were named.
    """
    from weave_http.operations.flag_values import default_subnets

    ranges = values["ipalloc-range"]
    if not ranges:
        return None
    init: Init = values["ipalloc-init"]
    return AddressOptions(
        ranges,
        default_subnets(ranges, values["ipalloc-default-subnet"]),
        init.count or targets + 1,
        init.kind == "observer",
        tuple(map(parse_peer_name, init.seed)),
        values["ipalloc-reclaim"],
    )
