"""Further networks in the data plane: which hosts get frames of each. Pure.

A network goes only to peers that said they have it under the very number that it has here; and they say so only when
their kernel has it so. So no frame of a network ever comes to a host that has that number for another one, however the
numbers of networks that were made apart are settled.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from weave_http.addresses import IP
from weave_http.records import dataclass
from weave_http.router.data.plan import Way


@dataclass(frozen=True, slots=True)
class Segment:
    """A further network on this host.

    Args:
        network: id of the Docker network.
        identity: of the network on all hosts.
        vni: its number.
        members: names of the peers that have it under this number.
    """

    network: str
    identity: str
    vni: int
    members: frozenset[str]


@dataclass(frozen=True, slots=True)
class Further:
    """All further networks of this host.

    Args:
        segments: each of them.
        heard: names of the peers that have said which ones they have.
    """

    segments: tuple[Segment, ...] = ()
    heard: frozenset[str] = frozenset()


def destinations(segment: Segment, heard: Collection[str], ways: Mapping[str, Way], there: Collection[IP]) -> set[IP]:
    """Return the underlay addresses that frames of a network for all go to.

    Args:
        segment: the network.
        heard: names of the peers that have said which networks they have.
        ways: how each peer is reached that frames go to.
        there: where they go now. Who has said nothing (yet) still gets them: a router that restarts must not interrupt
            what it doesn't carry.
    """
    return {way.ip for peer, way in ways.items() if peer in segment.members or (peer not in heard and way.ip in there)}
