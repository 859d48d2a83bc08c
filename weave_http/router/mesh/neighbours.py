"""A neighbour: the peer at the other end of one of our connections."""

from __future__ import annotations

from collections.abc import Mapping, Set

from weave_http.records import dataclass
from weave_http.router.mesh.identity import PeerName


@dataclass(frozen=True, eq=False)
class Neighbour:
    """One connection to a peer, as far as what is told over it goes.

    It is the connection rather than the name that counts, because there may be two for a moment.

    Args:
        peer: its name.
        version: of the protocol that is spoken on it.
        features: what the peer said that it can do beyond that.
    """

    peer: PeerName
    version: int = 1
    features: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class View:
    """Who is there, as concluded last.

    Args:
        connected: names of the neighbours; always up to date.
        present: names of the reachable peers, ourselves included.
        links: whom each known peer, reachable or not, says that it is connected to.
        fresh: those who became neighbours only just now: hearsay of them and to them is held back.
    """

    connected: Set[PeerName]
    present: Set[PeerName]
    links: Mapping[PeerName, Set[PeerName]]
    fresh: Set[PeerName] = frozenset()

    def at_first_hand(self, origin: PeerName, neighbour: PeerName) -> bool:
        """Tell whether a neighbour is connected to an origin, as both of them say."""
        return neighbour in self.links.get(origin, ()) and origin in self.links.get(neighbour, ())

    def is_told(self, me: PeerName, origin: PeerName, neighbour: PeerName) -> bool:
        """Tell whether a neighbour hears what an origin says from us.

        What a third peer says is left out when both say that they are connected: then the neighbour has it at first
        hand (and believes it from no one else). So is what someone says who is out of reach, or hearsay would keep the
        dead alive. And in a mesh that forms everybody will have most of it at first hand in a moment: so hearsay of new
        neighbours, and to them, waits until it shows whether it is necessary.
        """
        if origin in (me, neighbour):
            return origin == me
        if origin in self.fresh or neighbour in self.fresh or neighbour not in self.links.get(me, ()):
            return False
        return origin in self.present and not self.at_first_hand(origin, neighbour)


NOBODY = View(frozenset(), frozenset(), {})
