"""Makes the sections of the report from the mesh, the data plane, the engine and the name service."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from weave_http import addresses
from weave_http.addresses import Cidr, order
from weave_http.router.addresses.service import AddressService
from weave_http.router.control.report import (
    Connection,
    Dns,
    Engine,
    Ipam,
    Link,
    Missing,
    NameEntry,
    Network,
    Path,
    Peer,
    RoundTrip,
    Router,
    Share,
)
from weave_http.router.control.report import Overlay as OverlaySection
from weave_http.router.data.overlay import Overlay
from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.peering import Peering
from weave_http.router.names.service import NameService
from weave_http.router.names.zone import Entry
from weave_http.router.paths.facts import Says
from weave_http.router.paths.service import Standing
from weave_http.router.reattach import Reattacher
from weave_http.router.state import Exposure

if TYPE_CHECKING:
    from weave_http.router.keys.service import Tunnels
    from weave_http.router.plugin.catalogue import Catalogue


def router(peering: Peering, overlay: Overlay, standings: Sequence[Standing], tunnels: Tunnels | None) -> Router:
    """Return the section about the mesh.

    Args:
        peering: the mesh.
        overlay: the data plane.
        standings: how the peers are reached.
        tunnels: None on a network without a password.
    """
    me = peering.me
    return Router(
        name=me.name,
        nickname=me.nickname,
        port=me.port,
        peer_discovery=me.discovery,
        peers=peers(peering),
        connections=connections(peering, overlay.mtu, standings, tunnels),
        termination_count=peering.terminations,
        targets=tuple(peering.targets.given),
        overlay_diagnostics={"fastdp": {"FloodDestinations": list(map(str, sorted(overlay.destinations, key=order)))}},
        name_clash=peering.name_clash,
        encryption=tunnels is not None,
    )


def peers(peering: Peering) -> tuple[Peer, ...]:
    """Return what all peers say of themselves."""
    facts = peering.membership.peers
    nicknames = {fact.owner: fact.value.nickname for fact in facts}
    return tuple(
        Peer(
            name=fact.owner,
            nickname=fact.value.nickname,
            uid=fact.stamp.uid,
            version=fact.stamp.version,
            connections=tuple(
                Link(link.peer, nicknames.get(link.peer, ""), str(link.address), link.outbound)
                for link in fact.value.links
            ),
        )
        for fact in facts
    )


def round_trips(peering: Peering, said: Mapping[PeerName, Says]) -> tuple[RoundTrip, ...]:
    """Return the direct ways of all peers that are there.

    Args:
        peering: knows them.
        said: what each says.
    """
    names = {fact.owner: fact.value.nickname for fact in peering.membership.peers}
    return tuple(
        RoundTrip(peer, names[peer], other, names[other], seen.rtt / 1e6, seen.good)
        for peer, says in sorted(said.items())
        for other, seen in sorted(says.seen.items())
        if peer in names and other in names
    )


def paths(peering: Peering, standings: Iterable[Standing]) -> tuple[Path, ...]:
    """Return the section about how peers are reached."""
    names = {fact.owner: fact.value.nickname for fact in peering.membership.peers}
    return tuple(
        Path(
            peer=each.peer,
            nickname=names.get(each.peer, ""),
            state=each.state,
            reason=each.reason,
            rtt=round(each.rtt, 6),
            mtu=each.mtu,
            via=tuple(names.get(peer, peer) for peer in each.via),
        )
        for each in standings
    )


def missing(peering: Peering, standings: Iterable[Standing]) -> Missing:
    """Return what is not as it was asked for.

    Args:
        peering: the mesh.
        standings: how the peers are reached.
    """
    return Missing(
        targets=tuple(peering.targets.given),
        unconnected={each.target: each.info or each.state for each in _unconnected(peering) if each.target},
        unreached=paths(peering, (each for each in standings if not each.passes)),
    )


def connections(
    peering: Peering, mtu: int, standings: Iterable[Standing], tunnels: Tunnels | None
) -> tuple[Connection, ...]:
    """Return the state of all connections, and of all targets without one.

    Args:
        peering: the mesh.
        mtu: of the overlay, in bytes.
        standings: how the peers are reached.
        tunnels: None on a network without a password.
    """
    how = {path.peer: path.trouble for path in paths(peering, standings)}
    found = [
        Connection(
            str(connection.remote),
            connection.outbound,
            "established",
            f"{_encrypted(connection.peer, tunnels)}fastdp {connection.who}"
            f"{', ' if how.get(connection.peer) else ''}{how.get(connection.peer, '')}",
            {"name": "fastdp", "mtu": mtu},
            encryption=tunnels.encryption(connection.peer) if tunnels else "",
        )
        for connection in peering.connections.values()
    ]
    return (*found, *_unconnected(peering))


def _unconnected(peering: Peering) -> Iterator[Connection]:
    """Yield the state of the targets without a connection."""
    now = peering.now()
    for target in peering.targets:
        if target.peer in peering.connections:
            continue
        if target.dialling:
            state, info = ("retrying", target.error) if target.error else ("connecting", "")
        elif target.error:
            state, info = "failed", f"{target.error}, retry: {_when(target.next_at, now)}"
        else:
            state, info = "waiting", f"until: {_when(target.next_at, now)}"
        yield Connection(target.place, True, state, info, target=target.address if target.given else None)


def _encrypted(peer: str, tunnels: Tunnels | None) -> str:
    """Return how data to a peer is encrypted, for people, as the beginning of a line; on a network with a password."""
    if tunnels is None or tunnels.why(peer):
        return ""
    kind = tunnels.encryption(peer)
    return f"encrypted {kind} " if kind else "unencrypted "


def overlay(data: Overlay, tunnels: Tunnels | None) -> OverlaySection:
    """Return the section about the data plane."""
    no_tunnel = f"no data goes to peers: {tunnels.trouble}" if tunnels and tunnels.trouble else ""
    return OverlaySection(data.mtu, data.trouble or no_tunnel, tunnels.kind if tunnels else "")


def engine(reattacher: Reattacher) -> Engine:
    """Return the section about the engine."""
    since = datetime.fromtimestamp(reattacher.lost_at, UTC).isoformat(timespec="seconds")
    return Engine(since if reattacher.trouble else "", reattacher.trouble)


def dns(service: NameService) -> Dns:
    """Return the section about names."""
    host, port = service.address or ("", 0)
    return Dns(
        domain=f"{service.options.domain}.",
        upstream=tuple(service.upstream),
        address=f"{host}:{port}" if host else "",
        ttl=service.options.ttl,
        entries=tuple(map(name_entry, service.entries)),
        trouble=service.trouble,
        queries=dict(service.queries),
    )


def name_entry(entry: Entry) -> NameEntry:
    """Return a name as the report has it. What was taken away is not shown."""
    name = entry.name
    return NameEntry(f"{name.hostname}.", entry.origin, name.owner, name.address, entry.version)


def ipam(service: AddressService) -> Ipam:
    """Return the section about addresses that are handed out."""
    allocator, agreement = service.allocator, service.allocator.agreement
    charter, facts = agreement.charter, service.facts
    trouble = service.trouble
    idle = "idle" if charter is None else "ready"
    shares = charter.shares if charter else {}
    order = sorted(shares, key=lambda peer: (peer != agreement.me, peer))
    return Ipam(
        range=", ".join(map(str, service.options.ranges)),
        range_num_ips=service.options.ranges[0].num_addresses,
        range_sizes=tuple(each.num_addresses for each in service.options.ranges),
        active_ips=len(allocator.holdings),
        default_subnet=", ".join(map(str, service.options.defaults)),
        status=trouble or ("waiting for IP(s) to become available" if allocator.pending else idle),
        number=charter.number if charter else 0,
        voters=tuple(sorted(charter.voters)) if charter else (),
        entries=tuple(
            Share(
                peer=peer,
                nickname=service.nickname(peer),
                blocks=tuple(map(str, shares[peer])),
                size=_sizes(shares[peer], service.options.ranges)[0],
                sizes=_sizes(shares[peer], service.options.ranges),
                active=len(allocator.holdings) if peer == agreement.me else facts[peer].used if peer in facts else 0,
                is_known_peer=peer in service.present,
            )
            for peer in order
        ),
    )


def networks(catalogue: Catalogue, peering: Peering) -> tuple[Network, ...]:
    """Return the section about further networks."""
    names = {fact.owner: fact.value.nickname for fact in peering.membership.peers}
    return tuple(
        Network(
            name=each.name,
            network_id=each.network,
            vni=each.vni,
            design=str(each.design),
            subnets=tuple(str(pool.subnet) for pool in each.design.pools),
            internal=each.design.internal,
            hosts=tuple(sorted(names.get(PeerName(peer), "") or peer for peer in each.peers)),
            trouble=each.trouble,
        )
        for each in catalogue.standings
    )


def _sizes(blocks: Sequence[addresses.Network], ranges: Sequence[addresses.Network]) -> tuple[int, ...]:
    """Return how many addresses blocks have of each range."""
    return tuple(sum(block.num_addresses for block in blocks if block.version == range_.version) for range_ in ranges)


def exposed(record: Mapping[Cidr, Exposure]) -> dict[str, dict[str, object]]:
    """Return what of the host is on the network, as JSON has it."""
    return {str(cidr): {"masquerade": each.masquerade, "names": list(each.names)} for cidr, each in record.items()}


def _when(at: float, now: float) -> str:
    moment = datetime.now(UTC) + timedelta(seconds=at - now)
    return moment.isoformat(sep=" ", timespec="seconds")
