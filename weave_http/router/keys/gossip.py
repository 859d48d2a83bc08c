"""The topic of keys: what all peers say of theirs."""

from __future__ import annotations

from collections.abc import Mapping

from weave_http.router.keys.facts import CLAIMS_PER_MESSAGE, KIND, Claim, Keys, PublicKeys, claim
from weave_http.router.mesh.fact_topic import FactTopic
from weave_http.router.mesh.facts import Fact
from weave_http.router.mesh.identity import PeerName


class KeyGossip(FactTopic[PublicKeys, Claim]):
    """What all peers say of their keys; arguments but for the last as of the base class."""

    name = "keys"
    kinds = (KIND,)
    message, per_message, largest = Keys, CLAIMS_PER_MESSAGE, CLAIMS_PER_MESSAGE
    most_claims = 4096

    def __init__(self, name: PeerName, uid: int) -> None:
        super().__init__(name, uid, PublicKeys())

    @property
    def says(self) -> Mapping[PeerName, PublicKeys]:
        """What all peers say that have this topic, but for ourselves."""
        return {fact.owner: fact.value for fact in self._facts if fact.owner != self._me}

    def claim(self, fact: Fact[PublicKeys], told: Fact[PublicKeys] | None) -> Claim:
        """Return a fact as it is sent: each time the whole of it, which is short."""
        return claim(fact)
