"""`connect`, `forget` and `rmpeer`: which other hosts the router talks to."""

from __future__ import annotations

from weave_http.addresses import PeerAddress, parse_peer_address
from weave_http.hints import ClassVar
from weave_http.operations.operation import Argument, Operation, Option, many
from weave_http.records import dataclass

PEERS = "Peers as HOST[:PORT]; an IPv6 address as [ADDRESS]:PORT."


@dataclass(frozen=True, slots=True)
class Connect(Operation):
    """Connect the router to more peers, and keep trying.

    Args:
        peers: where they are.
        replace: forget all other peers.
    """

    name: ClassVar[str] = "connect"
    example: ClassVar[str] = "connect host2 10.0.0.3:6783"
    parts: ClassVar[tuple[Option | Argument, ...]] = (
        Option("replace", ("--replace",), "Forget all other peers."),
        many("peers", "PEER…", PEERS, missing="no peer given", read=parse_peer_address),
    )

    peers: tuple[PeerAddress, ...]
    replace: bool = False


@dataclass(frozen=True, slots=True)
class Forget(Operation):
    """Stop trying to connect to peers.

    Args:
        peers: as they were given to `launch` or `connect`; unknown ones are ignored.
    """

    name: ClassVar[str] = "forget"
    example: ClassVar[str] = "forget host2"
    parts: ClassVar[tuple[Option | Argument, ...]] = (
        many(
            "peers",
            "PEER…",
            "Peers, as they were given to launch or connect.",
            missing="no peer given",
            read=parse_peer_address,
            candidates="targets",
        ),
    )

    peers: tuple[PeerAddress, ...]


@dataclass(frozen=True, slots=True)
class Rmpeer(Operation):
    """Forget peers that are gone for good.

    Args:
        peers: names or nicknames.
    """

    name: ClassVar[str] = "rmpeer"
    more: ClassVar[str] = (
        "It prints `N IPs taken over from PEER` for each. It may be said on any host, on many at once, and again."
    )
    example: ClassVar[str] = "rmpeer host2"
    parts: ClassVar[tuple[Option | Argument, ...]] = (
        many("peers", "PEER…", "Names or nicknames.", missing="no peer given"),
    )

    peers: tuple[str, ...]
