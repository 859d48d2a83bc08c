"""What the router is told about addresses at its start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from weave_http.addresses import Network
from weave_http.operations.flags import Init
from weave_http.router.mesh.identity import PeerName, parse_peer_name


@dataclass(frozen=True, slots=True)
class AddressOptions:
    """How addresses are handed out.

    Args:
        ranges: what all of them are from.
        default: the subnet for those who name none.
        count: of peers that there are at the beginning.
        observer: have no vote.
        seed: the peers that share the range from the beginning.
    """

    ranges: tuple[Network, ...]
    default: Network
    count: int
    observer: bool = False
    seed: tuple[PeerName, ...] = ()


def from_flags(values: Mapping[str, Any], targets: int) -> AddressOptions | None:
    """Return the options, None if no addresses are to be handed out. Raises `UsageError`.

    Args:
        values: of the flags, by name.
        targets: how many peers were named.
    """
    from weave_http.operations.flags import default_subnet

    range_ = values["ipalloc-range"]
    if range_ is None:
        return None
    init: Init = values["ipalloc-init"]
    return AddressOptions(
        (range_,),
        default_subnet(range_, values["ipalloc-default-subnet"]),
        init.count or targets + 1,
        init.kind == "observer",
        tuple(map(parse_peer_name, init.seed)),
    )
