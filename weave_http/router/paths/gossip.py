"""The topic of paths: what each peer says about its ways to others."""

from __future__ import annotations

from weave_http.router.mesh.fact_topic import FactTopic
from weave_http.router.mesh.facts import Fact
from weave_http.router.mesh.identity import PeerName
from weave_http.router.paths.facts import CLAIMS_PER_MESSAGE, KIND, MOST_SEEN, Claim, Paths, Says, claim


class PathGossip(FactTopic[Says, Claim]):
    """What all peers say about their ways; arguments but for the last as of the base class."""

    name = "paths"
    kinds = (KIND,)
    message, per_message, largest = Paths, CLAIMS_PER_MESSAGE, MOST_SEEN

    def __init__(self, name: PeerName, uid: int) -> None:
        super().__init__(name, uid, Says())

    def size(self, value: Says) -> int:
        """Return the ways of a peer."""
        return len(value.seen)

    def claim(self, fact: Fact[Says], told: Fact[Says] | None) -> Claim:
        """Return a fact as it is sent."""
        return claim(fact, told)
