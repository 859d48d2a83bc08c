"""The topic of further networks: which there are, and which of them each host has under which number."""

from __future__ import annotations

from collections.abc import Collection

from weave_http.router.mesh.fact_topic import FactTopic
from weave_http.router.mesh.facts import Fact
from weave_http.router.mesh.identity import PeerName
from weave_http.router.plugin.facts import CLAIMS_PER_MESSAGE, KIND, Claim, Networks, Says, claim
from weave_http.router.plugin.registry import Identity, Known

_RECORD, _IDENTITY = 256, 32
"""Bytes of a network, and of what says which one, as they are sent; at most, roughly."""


class NetworkGossip(FactTopic[Says, Claim]):
    """What all peers say of networks; arguments but for the last as of the base class."""

    name = "networks"
    kinds = (KIND,)
    message, per_message, largest = Networks, CLAIMS_PER_MESSAGE, 1 << 18
    most_claims, most_claimed = 4096, 1 << 24

    def __init__(self, name: PeerName, uid: int) -> None:
        super().__init__(name, uid, Says())

    @property
    def heard(self) -> frozenset[str]:
        """Names of the other peers that have said something."""
        return frozenset(peer for peer in self.says if peer != self._me)

    @property
    def told(self) -> list[Known]:
        """What each peer knows, this one included."""
        return [says.known for says in self.says.values()]

    def having(self, identity: Identity, vni: int) -> frozenset[str]:
        """Return the names of the other peers that have a network under a number."""
        return frozenset(
            peer for peer, says in self.says.items() if peer != self._me and says.carried.get(identity) == vni
        )

    def hosts(self, identities: Collection[Identity]) -> list[str]:
        """Return the names of all peers that have one of some networks, under whatever number."""
        says = {self._me: self._facts.own.value, **self.says}  # one that met nobody yet has no view, not even of itself
        return sorted(peer for peer, each in says.items() if not each.carried.keys().isdisjoint(identities))

    def size(self, value: Says) -> int:
        """Return roughly how large a fact is, in bytes."""
        return 64 + _RECORD * len(value.known.records) + _IDENTITY * (len(value.known.removed) + len(value.carried))

    def claim(self, fact: Fact[Says], told: Fact[Says] | None) -> Claim:
        """Return a fact as it is sent: each time the whole of it."""
        return claim(fact)
