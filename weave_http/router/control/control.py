"""What the HTTP API asks of a running router: a change is written to the store first, and then done."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from weave_http.addresses import Cidr, parse_peer_address
from weave_http.errors import HostError, UsageError, WeaveError
from weave_http.records import replace
from weave_http.router.addresses.service import EXPOSED, AddressService
from weave_http.router.blocking import in_thread
from weave_http.router.data.overlay import Overlay as DataPlane
from weave_http.router.data.plan import without
from weave_http.router.mesh.identity import PeerName, is_peer_name
from weave_http.router.mesh.peering import Peering
from weave_http.router.mesh.resolve import resolve
from weave_http.router.names.service import NameService
from weave_http.router.paths.service import Paths
from weave_http.router.reattach import Reattacher
from weave_http.router.rejoin import Joined
from weave_http.router.state import is_container_id
from weave_http.router.store import Store

# What describes the router is imported when somebody asks for it: a router starts to join the others.
if TYPE_CHECKING:
    from weave_http.router.control.report import Missing, Report, RoundTrip
    from weave_http.router.keys.service import Tunnels
    from weave_http.router.plugin.catalogue import Catalogue
    from weave_http.router.secrecy.service import Secrecy

logger = logging.getLogger(__name__)


class Control:
    """The router for those who ask something of it. Every failure is a `WeaveError`, and leaves all as it was.

    Args:
        store: what is remembered.
        peering: the mesh.
        overlay: the data plane.
        paths: to the other hosts.
        names: None when they are switched off.
        addresses: None when none are handed out.
        tunnels: None on a network without a password.
        secrecy: None without a password.
        catalogue: the further networks; None where there can be none.
        enforce: whether containers are held to the addresses that they were given.

    Attributes:
        ready: whether the router has come up.
        metrics: where metrics are served, and why not, as `report.Metrics` has it.
    """

    def __init__(
        self,
        store: Store,
        peering: Peering,
        overlay: DataPlane,
        paths: Paths,
        names: NameService | None,
        addresses: AddressService | None = None,
        tunnels: Tunnels | None = None,
        secrecy: Secrecy | None = None,
        catalogue: Catalogue | None = None,
        *,
        enforce: bool = False,
    ) -> None:
        self.ready = False
        self.metrics = ("", "")
        self.store = store
        self.overlay = overlay
        self._peering = peering
        self._paths = paths
        self._names = names
        self._addresses = addresses
        self._tunnels = tunnels
        self._secrecy = secrecy
        self._catalogue = catalogue
        self._enforce = enforce
        self._left = False
        self.reattacher = Reattacher(
            lambda: self.store.state.attachments, self.drop_attachments, self.adopt, names=names, held=self._held
        )

    # -- what there is to know -----------------------------------------------------------------------------

    @property
    def report(self) -> Report:
        """All there is to know."""
        from weave_http.router.control import describe
        from weave_http.router.control.report import Memory, Metrics, Report

        state = self.store.state
        standings = self._paths.standings
        return Report(
            router=replace(
                describe.router(self._peering, self.overlay, standings, self._tunnels),
                trusted_subnets=tuple(map(str, self._secrecy.options.trusted)) if self._secrecy else (),
            ),
            overlay=describe.overlay(self.overlay, self._tunnels),
            paths=describe.paths(self._peering, standings),
            data_passes=all(each.passes for each in standings),
            engine=describe.engine(self.reattacher),
            memory=Memory(self.store.trouble),
            attachments=self.attachments,
            exposed=describe.exposed(state.exposed),
            dns=describe.dns(self._names) if self._names else None,
            metrics=Metrics(*self.metrics),
            ipam=describe.ipam(self._addresses) if self._addresses else None,
            networks=describe.networks(self._catalogue, self._peering) if self._catalogue else None,
        )

    @property
    def attachments(self) -> dict[str, list[str]]:
        """Addresses in CIDR notation by container id."""
        return {container: list(map(str, each)) for container, each in self.store.state.attachments.items()}

    @property
    def missing(self) -> Missing:
        """What is not as it was asked for."""
        from weave_http.router.control import describe

        return describe.missing(self._peering, self._paths.standings)

    @property
    def round_trips(self) -> tuple[RoundTrip, ...]:
        """What each peer measured to each of its neighbours."""
        from weave_http.router.control import describe

        return describe.round_trips(self._peering, self._paths.said)

    def status(self, section: str) -> str | None:
        """Return a section's text, the summary's for an empty name, None when there is no such section."""
        from weave_http.router.control.status import SECTIONS

        text = SECTIONS.get(section)
        return text(self.report) if text else None

    # -- the mesh ------------------------------------------------------------------------------------------

    async def connect(self, peers: Sequence[str], *, instead: bool) -> list[str]:
        """Dial these too, or instead of all others; return a line for each that is none."""
        good, complaints = [], []
        for peer in dict.fromkeys(peers):
            try:
                where = parse_peer_address(peer)
                await resolve(where, self._peering.me.port)
            except WeaveError as error:
                complaints.append(str(error))
            else:
                good.append(str(where))
        if good:
            before = self.store.state.targets
            kept = () if instead else before
            await self._keep_targets((*kept, *good))
            self._stop_dialling([target for target in before if instead and target not in good])
            self._peering.connect(good)
        return complaints

    async def forget(self, peers: Collection[str]) -> None:
        """Stop dialling these, and sending data there when there is no connection."""
        peers = set(map(_spelt, peers))
        await self._keep_targets(tuple(target for target in self.store.state.targets if target not in peers))
        self._stop_dialling(peers)

    async def remove_peer(self, who: str) -> int:
        """Stop at once to send data to a lost peer, by name or nickname; return how many addresses it leaves.

        One that is connected is left alone.
        """
        topology = self._peering.membership.topology
        names = {who, *(fact.owner for fact in topology if fact.value.nickname == who)}
        self._peering.lost = without(self._peering.lost, peers=names)
        self.overlay.changed()
        if self._addresses is None:
            return 0
        return sum([await self._addresses.remove_peer(PeerName(name)) for name in names if is_peer_name(name)])

    async def leave(self) -> None:
        """Leave the mesh for good: what remains is to be stopped."""
        if not self._left:
            self._left = True
            logger.info("leaving")
            await self._peering.leave()
        await self.overlay.leave()

    async def _keep_targets(self, targets: tuple[str, ...]) -> None:
        await self.store.change(lambda state: replace(state, targets=tuple(dict.fromkeys(targets))))

    def _stop_dialling(self, peers: Collection[str]) -> None:
        led_to = {address.ip for address in self._peering.forget(list(peers))}
        self._peering.lost = without(self._peering.lost, ips=led_to)
        self.overlay.changed()

    # -- containers ----------------------------------------------------------------------------------------

    async def set_attachment(self, container: str, addresses: tuple[Cidr, ...]) -> None:
        """Note which addresses a container gets whenever it starts.

        Raises:
            HostError: it was removed meanwhile, or that can't be kept.
        """
        if self._addresses is not None:
            kept = {cidr.ip for cidr in addresses}
            gone = [each.ip for each in self._addresses.allocator.holdings.of(container) if each.ip not in kept]
            await self._addresses.release(container, gone)
            await self._addresses.adopt(container, addresses)
        await self.store.change(lambda state: replace(state, attachments={**state.attachments, container: addresses}))
        if self.reattacher.is_removed(container):
            await self.drop_attachments([container])
            raise HostError(f"container {container[:12]} is no more")

    async def take_away(self, owner: str, addresses: Collection[Cidr]) -> None:
        """Take addresses from a container that runs or may run again, or from the host itself.

        What Docker gave an endpoint of its networks it alone can take away.
        """
        if owner == EXPOSED:
            await self.overlay.hide(addresses)
        elif not is_container_id(owner):
            raise HostError("it is an endpoint of a Docker network", hint="disconnect it: docker network disconnect")
        else:
            # The note goes first, so that a container that starts meanwhile does not get them again.
            left = tuple(cidr for cidr in self.store.state.attachments.get(owner, ()) if cidr not in addresses)
            await self.store.change(lambda state: replace(state, attachments=_with(state.attachments, owner, left)))
            await in_thread(partial(self.reattacher.withdraw, owner, tuple(addresses)))
        if self._names is not None:
            for cidr in addresses:
                self._names.remove(owner, cidr.ip)
        if self._addresses is not None:
            await self._addresses.release(owner, [cidr.ip for cidr in addresses])

    async def drop_attachments(self, containers: Collection[str]) -> None:
        """Drop such notes, and take back the addresses."""
        await self.store.change(
            lambda state: replace(
                state, attachments={each: kept for each, kept in state.attachments.items() if each not in containers}
            )
        )
        await self._take_back(containers)

    def _held(self) -> list[str]:
        """Return the ids of the containers that have addresses handed out."""
        held = self._addresses.allocator.holdings.held if self._addresses is not None else {}
        return [owner for owner in list(held) if is_container_id(owner)]

    async def _take_back(self, containers: Collection[str]) -> None:
        for container in containers if self._addresses is not None else ():
            await self._addresses.release(container)  # type: ignore[union-attr]

    async def adopt(self, container: str, found: Joined) -> None:
        """Take over what a container has of the network and there is no note of: addresses, and its own name for them.

        Where containers are held to their addresses, one of which there is a note may have given itself the others, if
        no rules say what it was given; and one of which there was none is held to them from now on.
        """
        noted = self.store.state.attachments.get(container, ())
        if noted and self._enforce and not found.known:
            return
        new = tuple(cidr for cidr in found.addresses if cidr not in noted)
        await self.store.change(
            lambda state: replace(state, attachments={**state.attachments, container: (*noted, *new)})
        )
        if self._addresses is not None:
            await self._addresses.adopt(container, new)
        if self._names is not None and found.hostname:
            for cidr in new:
                await self._names.put(container, cidr.ip, found.hostname)
        if self._enforce:
            self.reattacher.again([container])


def _with(
    attachments: Mapping[str, tuple[Cidr, ...]], container: str, addresses: tuple[Cidr, ...]
) -> dict[str, tuple[Cidr, ...]]:
    """Return the addresses by container with those of one changed; one without is left out."""
    others = {each: kept for each, kept in attachments.items() if each != container}
    return {**others, container: addresses} if addresses else others


def _spelt(peer: str) -> str:
    """Return a target as it is kept; what is none stays as it is."""
    try:
        return str(parse_peer_address(peer))
    except UsageError:
        return peer
