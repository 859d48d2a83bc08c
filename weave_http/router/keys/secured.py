"""Which ways are encrypted, by what, and which there can't be. Pure.

A way as the plan has it leads to an underlay address. With a password it leads to the peer's address in the tunnel
instead, and what was the way's address is where the tunnel leads. There is nothing in between: a peer without a tunnel
gets no frames, unless both hosts have said that their connection may be in the clear.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from weave_http.net.tunnel import address_of, is_tunnelled
from weave_http.net.wireguard import TunnelPeer
from weave_http.router.data.plan import Way
from weave_http.router.keys.facts import PublicKeys
from weave_http.router.keys.secrets import public_key, shared_secret


@dataclass(frozen=True, slots=True)
class Own:
    """Our own keys.

    Args:
        name: of this peer.
        tunnel: public key of our WireGuard device; empty if there is none.
        changing: private key that secrets are made with.
    """

    name: str
    tunnel: bytes
    changing: bytes

    @property
    def public(self) -> PublicKeys:
        """What others are told."""
        return PublicKeys(self.tunnel, public_key(self.changing))


@dataclass(frozen=True, slots=True)
class Secured:
    """What follows.

    Args:
        ways: to each peer that frames go to.
        peers: of the tunnel.
        refused: why a peer gets no frames, by name.
    """

    ways: Mapping[str, Way]
    peers: tuple[TunnelPeer, ...]
    refused: Mapping[str, str]


def why_not(own: Own, says: Mapping[str, PublicKeys]) -> dict[str, str]:
    """Return why there is no tunnel to a peer, for each of which that is so.

    Args:
        own: our keys.
        says: what the others say.
    """
    owners: dict[bytes, list[str]] = {}
    places: dict[object, list[str]] = {address_of(own.name): [own.name]}
    for name, keys in sorted(says.items()):
        owners.setdefault(keys.tunnel, []).append(name)
        places.setdefault(address_of(name), []).append(name)
    return {name: why for name in says if (why := _why_not(name, says[name], own, owners, places))}


def _why_not(
    name: str,
    keys: PublicKeys,
    own: Own,
    owners: Mapping[bytes, Collection[str]],
    places: Mapping[object, Collection[str]],
) -> str:
    if not own.tunnel:
        return "this host has no tunnel"
    if not keys.complete:
        return "it has no tunnel: see `weave status` there"
    if own.tunnel == keys.tunnel:
        return "it says that our key is its own"
    for others, what in ((owners[keys.tunnel], "key"), (places[address_of(name)], "address in the tunnel")):
        if len(others) > 1:
            return f"{', '.join(other for other in others if other != name)} has the same {what}"
    try:
        shared_secret(own.changing, keys.changing, own.tunnel, keys.tunnel)
    except ValueError:
        return "its key is none"
    return ""


def secured(
    ways: Mapping[str, Way], own: Own, says: Mapping[str, PublicKeys], clear: Collection[str], port: int
) -> Secured:
    """Return what becomes of a plan on a network with a password.

    Args:
        ways: as planned; a name that is an address in the tunnel stands for a peer of an earlier router.
        own: our keys.
        says: what the others say.
        clear: names of the peers to which frames may go as they are.
        port: UDP port of WireGuard.
    """
    refused = why_not(own, says)
    found: dict[str, Way] = {}
    peers: list[TunnelPeer] = []
    kept: list[tuple[str, Way]] = []
    for name, way in ways.items():
        if name in clear:
            found[name] = way
        elif is_tunnelled(way.ip):
            kept.append((name, way))
        elif name in says and name not in refused:
            if way.label:
                refused[name] = "encrypted data goes over no other host"
                continue
            keys, address = says[name], address_of(name)
            secret = shared_secret(own.changing, keys.changing, own.tunnel, keys.tunnel)
            peers.append(TunnelPeer(keys.tunnel, address, secret, (way.ip, port)))
            found[name] = way._replace(ip=address)
        else:
            refused.setdefault(name, "it has told no key yet")
    taken = {way.ip for way in found.values()}
    found |= {name: way for name, way in kept if way.ip not in taken}
    return Secured(found, tuple(peers), refused)
