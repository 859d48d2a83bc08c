"""What each peer says about its ways to others, and how that is packed into messages. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from weave_http import constants
from weave_http.addresses import IP
from weave_http.records import dataclass, field
from weave_http.router.mesh import claims
from weave_http.router.mesh.facts import Fact
from weave_http.router.mesh.fields import Fields, a_flag, a_list, a_number, a_peer, an_address
from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.messages import Kind, Message

MOST_SEEN = 4096
"""Ways of one peer, and of all in one message."""
CLAIMS_PER_MESSAGE = 16
_LONGEST_RTT = 60_000_000


@dataclass(frozen=True, slots=True)
class Seen:
    """The direct way to a peer, as one of its ends sees it.

    Args:
        good: whether questions on it are answered.
        hears: whether the other end's questions come in; said only while it is not good.
        rtt: round trip in µs, roughly; 0 if unknown.
        mtu: bytes that pass there; 0 if unknown.
        local: own address of the connection to that peer, None if it is good.
        over_ipv6: whether it leads over IPv6.
    """

    good: bool
    hears: bool = True
    rtt: int = 0
    mtu: int = 0
    local: IP | None = None
    over_ipv6: bool = False


@dataclass(frozen=True, slots=True)
class Says:
    """What a peer says.

    Args:
        mtu: bytes of the largest packet that the network may have as far as this host goes.
        forwards: whether it passes packets on between two others.
        seen: its direct ways by peer.
    """

    mtu: int = constants.GREATEST_MTU
    forwards: bool = False
    seen: Mapping[PeerName, Seen] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Claim(claims.Claim[Says]):
    """What somebody is said to say about its ways, as it came."""

    def value(self, before: Says | None) -> Says:
        """Return what the fields say; argument and exceptions as for the base class."""
        found = (_seen(a_list(way, 7, 7)) for way in a_list(self.fields["ways"], MOST_SEEN))
        seen = claims.changed(before.seen if before else {}, found, self.fields.get("gone", []), MOST_SEEN)
        mtu = a_number(self.fields["mtu"], constants.LEAST_MTU, constants.GREATEST_MTU)
        return Says(mtu, a_flag(self.fields["forwards"]), seen)


@dataclass(frozen=True, slots=True)
class Paths(Message):
    """What I know about the ways of peers."""

    claims: tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class Takes(Message):
    """My kernel takes your frames from now on: to a neighbour, once a connection."""


def claim(fact: Fact[Says], told: Fact[Says] | None = None) -> Claim:
    """Return what a peer says as it is sent.

    Args:
        fact: what to say.
        told: what was told before of the same peer.
    """
    says, before = fact.value, claims.since(told, fact)
    fields: Fields = {"mtu": says.mtu, "forwards": says.forwards}
    others: Iterable[PeerName] = says.seen
    if before is not None:
        others, gone = claims.changes(before.value.seen, says.seen)
        fields |= {"since": before.stamp.version, "gone": gone}
    return Claim(fact.owner, fact.stamp, {**fields, "ways": [_way(peer, says.seen[peer]) for peer in others]})


def _way(peer: PeerName, seen: Seen) -> list[object]:
    return [peer, seen.good, seen.hears, seen.rtt, seen.mtu, str(seen.local or ""), seen.over_ipv6]


KIND = claims.kind_of("paths", Paths, Claim, CLAIMS_PER_MESSAGE)
"""The message in which that is sent."""
TAKES = Kind("takes", Takes, lambda fields, greatest: Takes(), lambda said: {})


def _seen(way: list[object]) -> tuple[PeerName, Seen]:
    peer, good, hears, rtt, mtu, local, over_ipv6 = way
    return a_peer(peer), Seen(
        a_flag(good),
        a_flag(hears),
        a_number(rtt, 0, _LONGEST_RTT),
        a_number(mtu, 0, constants.GREATEST_MTU),
        an_address(local) if local else None,
        a_flag(over_ipv6),
    )
