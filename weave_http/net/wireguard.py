"""WireGuard: what a device and its peers are, as values, and what has to change. Pure.

On a device, a peer is known by its public key, and has one address in the tunnel, which no other one has. The kernel's
own WireGuard (`wireguard_kernel`) and the program for hosts without (`wireguard_user`) follow `Device`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from ipaddress import IPv4Network
from typing import Protocol

from weave_http.addresses import IP
from weave_http.records import dataclass, field

KEY = 32
"""Bytes of a key, of whatever kind."""
OVERHEAD = 60
"""Bytes that WireGuard over IPv4 adds to a packet: IP 20, UDP 8, its own header 16 and tag 16."""
PAD = 16
"""A packet is made as long as the next multiple of so many bytes, but no longer than its device's MTU."""
KEEP_ALIVE = 20
"""Seconds after which a silent peer is sent an empty packet: a NAT forgets a flow of UDP after thirty or more."""
TUNNEL = IPv4Network("240.0.0.0/5")
"""Where addresses in tunnels are: a network that is in use nowhere."""
FRESH = 180.0
"""Seconds after which the keys of a session are not used any more."""
Endpoint = tuple[IP, int]
"""Address and UDP port."""


@dataclass(frozen=True, slots=True)
class TunnelPeer:
    """A peer as it has to be.

    Args:
        key: its public key.
        address: its address in the tunnel; None, in a change, for the one that it has. To say it again would take it
            away for a moment, and packets with it.
        secret: what both ends know beside the keys; mixed into each new session.
        endpoint: where its packets go until some come from elsewhere; None for wherever they go already.
    """

    key: bytes
    address: IP | None
    secret: bytes = field(repr=False)
    endpoint: Endpoint | None


@dataclass(frozen=True, slots=True)
class Seen:
    """A peer as it is.

    Args:
        addresses: in the tunnel, that it may send from.
        secret: see `TunnelPeer`.
        endpoint: where its packets go, None as long as nobody has said.
        handshake: when the last session began, in seconds since 1970; 0 for never.
    """

    addresses: frozenset[IP]
    secret: bytes = field(repr=False)
    endpoint: Endpoint | None
    handshake: float = 0.0


@dataclass(frozen=True, slots=True)
class State:
    """A device as it is.

    Args:
        private: its private key, empty for none.
        port: UDP port, 0 for none.
        peers: by public key.
    """

    private: bytes = field(repr=False)
    port: int
    peers: Mapping[bytes, Seen]


@dataclass(frozen=True, slots=True)
class Change:
    """What a device is told.

    Args:
        private: another private key, empty to keep it.
        port: another UDP port, 0 to keep it.
        remove: public keys of peers that go.
        peers: that come or change; one without an endpoint keeps it.
    """

    private: bytes = field(default=b"", repr=False)
    port: int = 0
    remove: tuple[bytes, ...] = ()
    peers: tuple[TunnelPeer, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.private or self.port or self.remove or self.peers)


class Device(Protocol):
    """A WireGuard device of this host. Blocking; usable from any thread."""

    @property
    def kind(self) -> str:
        """Who encrypts: `kernel` or `user-space`."""
        ...

    def read(self) -> State:
        """Return how it is. Raises `HostError`."""
        ...

    def write(self, change: Change) -> None:
        """Change it, all at once. Raises `HostError`."""
        ...


def changes(
    state: State,
    wanted: Iterable[TunnelPeer],
    told: Mapping[bytes, Endpoint],
    *,
    kept: Collection[IP] = (),
    now: float,
) -> Change:
    """Return what makes a device's peers those that are wanted.

    An endpoint is said once: WireGuard follows a peer whose packets come from another one, as they do from behind a
    NAT, and to say it again would undo that. So one that works, and was said by an earlier router, stays as well.

    Args:
        state: as it is.
        wanted: all peers that there must be.
        told: endpoints by public key that this router has said.
        kept: addresses in the tunnel of peers that stay as they are, whoever they are.
        now: seconds since 1970.
    """
    peers = {peer.key: peer for peer in wanted}
    stays = {key for key, seen in state.peers.items() if seen.addresses and seen.addresses <= set(kept)}
    changed = []
    for key, peer in peers.items():
        seen = state.peers.get(key)
        endpoint = peer.endpoint
        if seen is not None and endpoint is not None:
            works = key not in told and seen.endpoint is not None and now - seen.handshake < FRESH
            if works or told.get(key) == endpoint:
                endpoint = None
        address = None if seen is not None and seen.addresses == {peer.address} else peer.address
        if seen is None or address is not None or endpoint is not None or seen.secret != peer.secret:
            changed.append(TunnelPeer(key, address, peer.secret, endpoint))
    gone = sorted(key for key in state.peers if key not in peers and key not in stays)
    return Change(remove=tuple(gone), peers=tuple(changed))
