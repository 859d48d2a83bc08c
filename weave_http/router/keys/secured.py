"""Which ways are encrypted, by what, and which there can't be. Pure.

A way as the plan has it leads to an underlay address. With a password it leads to the peer's address in a tunnel
instead, and what was the way's address is where that tunnel leads: the peer's own, or one that stands for it if there
are other hosts in between, which then pass on packets that they can't read. There is nothing else: a peer without a
tunnel gets no frames, unless both hosts have said that their connection may be in the clear.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from weave_http.addresses import IP
from weave_http.net import relays
from weave_http.net.tunnel import DIRECT, RELAYED, Interface, address_of, is_tunnelled
from weave_http.net.wireguard import TunnelPeer
from weave_http.records import dataclass
from weave_http.router.data.plan import Way
from weave_http.router.keys.facts import PublicKeys
from weave_http.router.keys.secrets import public_key, shared_secret

_NOBODY: Mapping[str, IP] = {}


@dataclass(frozen=True, slots=True)
class Own:
    """Our own keys.

    Args:
        name: of this peer.
        tunnel: public key of our WireGuard device for hosts that are reached directly; empty if there is none.
        changing: private key that secrets are made with.
        relayed: public key of our device for hosts that are reached over others; empty if there is none.
        family: version of IP that our tunnels go over, 0 for both.
    """

    name: str
    tunnel: bytes
    changing: bytes
    relayed: bytes = b""
    family: int = 0

    @property
    def public(self) -> PublicKeys:
        """What others are told."""
        return PublicKeys(self.tunnel, public_key(self.changing), self.relayed, self.family)


@dataclass(frozen=True, slots=True)
class Secured:
    """What follows.

    Args:
        ways: to each peer that frames go to.
        peers: of both tunnels.
        refused: why a peer gets no frames, by name.
    """

    ways: Mapping[str, Way]
    peers: tuple[TunnelPeer, ...]
    refused: Mapping[str, str]


def one_family(met: Collection[IP]) -> int:
    """Return the version of IP that tunnels of WireGuard in user space go over, 0 for the only one that is in use.

    While wireguard-go (2023 to 2026 at least) sends over IPv4, some of what it sends over IPv6 goes to wrong addresses:
    of an address that it keeps for the next packet it has cut off all but four bytes.

    Args:
        met: underlay addresses of the peers. The version that most of them have is it.
    """
    versions = [int(ip.version) for ip in met]
    if len({*versions}) < 2:
        return 0
    return 6 if versions.count(6) > versions.count(4) else 4


def why_not(
    own: Own, says: Mapping[str, PublicKeys], interface: Interface = DIRECT, met: Mapping[str, IP] = _NOBODY
) -> dict[str, str]:
    """Return why there is no tunnel to a peer, for each of which that is so.

    Args:
        own: our keys.
        says: what the others say.
        interface: which tunnel.
        met: addresses that it leads to, of those peers of which that is known.
    """
    owners: dict[bytes, list[str]] = {}
    places: dict[object, list[str]] = {address_of(own.name, interface): [own.name]}
    for name, keys in sorted(says.items()):
        owners.setdefault(keys.of(interface), []).append(name)
        places.setdefault(address_of(name, interface), []).append(name)
    found = {}
    for name, keys in says.items():
        same = {"key": owners[keys.of(interface)], "address in the tunnel": places[address_of(name, interface)]}
        why = _why_not(name, keys, own, interface, same)
        if why := why or (_wrong_family(met[name], own, keys) if name in met else ""):
            found[name] = why
    return found


def _why_not(name: str, keys: PublicKeys, own: Own, interface: Interface, same: Mapping[str, Collection[str]]) -> str:
    ours, theirs = own.public.of(interface), keys.of(interface)
    if not ours:
        return "this host has no tunnel"
    if not theirs or not keys.changing:
        return "it has no tunnel: see `weave status` there"
    if ours == theirs:
        return "it says that our key is its own"
    for what, others in same.items():
        if len(others) > 1:
            return f"{', '.join(other for other in others if other != name)} has the same {what}"
    try:
        shared_secret(own.changing, keys.changing, ours, theirs)
    except ValueError:
        return "its key is none"
    return ""


def _wrong_family(ip: IP, own: Own, theirs: PublicKeys) -> str:
    for family, where in ((own.family, "here"), (theirs.family, "there")):
        if family not in (0, ip.version):
            return (
                f"it is met over IPv{ip.version}, and WireGuard in user space {where} uses IPv{family} alone, as for"
                f" most peers: use IPv{family} between the two, or a kernel that has WireGuard {where}"
            )
    return ""


def laying(own: Own, says: Mapping[str, PublicKeys], clear: Collection[str]) -> Callable[[Way], Way | None]:
    """Return what says how frames take a way over others; None as long as there is no tunnel to that peer.

    Args:
        own: our keys.
        says: what the others say.
        clear: names of the peers to which frames may go as they are.
    """
    refused = why_not(own, says, RELAYED)

    def laid(way: Way) -> Way | None:
        if way.peer in clear:
            return way
        if way.peer not in says or way.peer in refused or _wrong_family(way.ip, own, says[way.peer]):
            return None
        return way._replace(ip=address_of(way.peer, RELAYED), outer=way.ip)

    return laid


def secured(
    ways: Mapping[str, Way],
    own: Own,
    says: Mapping[str, PublicKeys],
    clear: Collection[str],
    port: int,
    *,
    direct: Mapping[str, Way],
    over: Mapping[str, Way],
) -> Secured:
    """Return what becomes of a plan on a network with a password.

    Args:
        ways: as planned; a name that is an address in a tunnel stands for a peer of an earlier router.
        own: our keys.
        says: what the others say.
        clear: names of the peers to which frames may go as they are.
        port: UDP port of WireGuard.
        direct: ways as they would be if no peer was reached over others: they are probed all the same.
        over: ways over others that are probed, used or not (`laying`).
    """
    direct = {name: way for name, way in direct.items() if name not in clear}
    over = {name: way for name, way in over.items() if way.outer is not None}
    refused = why_not(own, says, DIRECT, {name: way.ip for name, way in direct.items()})
    no_further = why_not(own, says, RELAYED, {name: way.outer for name, way in over.items() if way.outer})
    peers = (
        *_peers(direct, own, says, refused, DIRECT, port),
        *_peers(over, own, says, no_further, RELAYED, relays.tunnel_port(port + 1)),
    )
    there = {peer.address for peer in peers}
    found: dict[str, Way] = {}
    kept: list[tuple[str, Way]] = []
    for name, way in ways.items():
        if way.outer is None and name in clear:
            found[name] = way
        elif way.outer is None and is_tunnelled(way.ip):
            kept.append((name, way))
        else:
            # What went over others as it is, and must not any more, goes directly until there is a tunnel over others.
            inner = way if way.outer is not None else Way(name, address_of(name))
            if inner.ip in there:
                found[name] = inner
                refused.pop(name, None)
            else:
                refused.setdefault(name, "it has told no key yet")
    # One host is reached in one manner: who is known by name gets nothing where an earlier router reached him directly.
    taken = {way.ip for way in found.values()} | {address_of(name) for name in found}
    found |= {name: way for name, way in kept if way.ip not in taken}
    return Secured(found, peers, refused)


def _peers(
    ways: Mapping[str, Way],
    own: Own,
    says: Mapping[str, PublicKeys],
    refused: Collection[str],
    interface: Interface,
    port: int,
) -> Iterator[TunnelPeer]:
    ours = own.public.of(interface)
    for name, way in ways.items():
        if name in says and name not in refused:
            keys = says[name]
            theirs = keys.of(interface)
            secret = shared_secret(own.changing, keys.changing, ours, theirs)
            yield TunnelPeer(theirs, address_of(name, interface), secret, (way.outer or way.ip, port))
