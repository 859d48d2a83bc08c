"""The host itself on the network: what the record says after a change. Pure.

The record says what there must be. What the executor exposed while there was no router is found and added to it; what
was hidden meanwhile, though the bridge is the same as ever, is dropped from it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from weave_http.addresses import Cidr
from weave_http.router.state import Exposure

Exposed = Mapping[Cidr, Exposure]


def wanted(exposed: Exposed) -> dict[Cidr, bool]:
    """Return the addresses, and whether each masquerades."""
    return {cidr: each.masquerade for cidr, each in exposed.items()}


def with_exposed(exposed: Exposed, addresses: Iterable[Cidr], *, masquerade: bool, name: str) -> Exposed:
    """Return the record with more addresses.

    Args:
        exposed: the record.
        addresses: that may be in it already.
        masquerade: whether packets between these subnets and elsewhere bear the host's address.
        name: one more name of these addresses; empty for none.
    """
    after = dict(exposed)
    for cidr in addresses:
        names = after[cidr].names if cidr in after else ()
        after[cidr] = Exposure(masquerade, tuple(dict.fromkeys([*names, *([name] if name else [])])))
    return after


def without(exposed: Exposed, addresses: Collection[Cidr]) -> Exposed:
    """Return the record without some addresses."""
    return {cidr: each for cidr, each in exposed.items() if cidr not in addresses}


def with_found(exposed: Exposed, found: Mapping[Cidr, bool]) -> Exposed:
    """Return the record with what is exposed, and was not by us; the same object if there is no such thing."""
    new = {cidr: Exposure(masquerade) for cidr, masquerade in found.items() if cidr not in exposed}
    return {**exposed, **new} if new else exposed
