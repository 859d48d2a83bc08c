"""The further networks: what the engine has of them here brought together with what all hosts know.

The engine tells a driver neither a network's name nor much else when it is made; both are learnt a moment later, by
asking it. A container that is to join meanwhile waits for that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from ipaddress import ip_network
from time import monotonic, time
from typing import Any

from weave_http.addresses import Network as IPNetwork
from weave_http.errors import HostError
from weave_http.records import dataclass, replace
from weave_http.router.blocking import in_thread
from weave_http.router.data.segments import Further, Segment
from weave_http.router.plugin import registry
from weave_http.router.plugin.descriptions import design_of
from weave_http.router.plugin.facts import Says
from weave_http.router.plugin.gossip import NetworkGossip
from weave_http.router.plugin.networks import Network, Networks, identity_of, is_of_all, multicast_of
from weave_http.router.plugin.recent import Recent
from weave_http.router.plugin.registry import Design, Identity, Known, Pool, Record, merged

logger = logging.getLogger(__name__)

_PATIENCE = 10.0
"""Seconds for which a container that joins waits for its network."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A further network, as this host sees it.

    Args:
        name: on all hosts.
        design: how it was asked for.
        network: id of the Docker network; empty if there is none here (yet).
        vni: its number here; 0 for none.
        peers: names of the peers that have it.
        trouble: what is wrong with it, empty if nothing is.
    """

    name: str
    design: Design
    network: str
    vni: int
    peers: tuple[str, ...]
    trouble: str


class Catalogue:
    """The further networks of this host.

    Args:
        me: name of this peer.
        networks: what there is, on the disk.
        gossip: what all peers say.
        told: called when the others have to be told something.

    Attributes:
        changed: called when the kernel may have to be changed.
        due: set when the engine may have to be asked for something.
        troubles: why the engine does not do what it is asked for, by the network's name.
    """

    def __init__(self, me: str, networks: Networks, gossip: NetworkGossip, told: Callable[[], None]) -> None:
        self.changed: Callable[[], None] = lambda: None
        self.due = asyncio.Event()
        self.troubles: dict[str, str] = {}
        self._me = me
        self._networks = networks
        self._gossip = gossip
        self._told = told
        self._lock = asyncio.Lock()
        self._recent = Recent()
        # What the kernel has of the router before this one: others must not stop sending because there is a new one.
        here = networks.here.values()
        self._carried = {each.identity: each.vni for each in here if each.identity is not None and each.vni}
        self._on_bridge: set[str] = set()
        self._failed: Mapping[str, str] = {}
        gossip.changed = self._heard
        self._say()

    # -- what others say -----------------------------------------------------------------------------------

    def _heard(self) -> None:
        self.due.set()
        if any(each.further for each in self._networks.here.values()):
            self.changed()

    async def learn(self) -> None:
        """Take in what the others know. Raises `HostError`: it can't be kept."""
        async with self._lock:
            await self._keep(self._networks.here, merged([self._networks.known, *self._gossip.told]))

    async def _keep(self, here: Mapping[str, Network], known: Known) -> None:
        """Keep what there is, tell others, and have the kernel follow."""
        winners = known.winners
        settled = {}
        for network, each in here.items():
            winner = winners.get(each.name)
            same = winner is not None and winner.design == each.design
            settled[network] = replace(each, identity=winner.identity) if winner and same else each
        known = known.without(known.twins) if known.twins else known
        if await in_thread(partial(self._networks.keep, settled, known)):
            self.due.set()
            self.changed()
        self._say()

    def _say(self) -> None:
        if self._gossip.say(Says(self._networks.known, dict(self._carried))):
            self._told()

    # -- what the kernel has -------------------------------------------------------------------------------

    def further(self) -> Further:
        """Return what the kernel must have."""
        vnis = registry.vnis(self._networks.known)
        wanted: dict[int, Segment] = {}
        # Where one that was removed, and is in use here yet, has the number of another one, that one comes first.
        here = sorted(self._networks.here.items(), key=lambda item: (item[1].identity not in vnis, item[0]))
        for network, each in here:
            if each.identity is None:
                continue
            vni = vnis.get(each.identity, each.vni)
            if vni and vni not in wanted:
                wanted[vni] = Segment(network, str(each.identity), vni, self._gossip.having(each.identity, vni))
        return Further(tuple(wanted.values()), self._gossip.heard)

    def carried(self, further: Further, failed: Mapping[str, str]) -> None:
        """Note what the kernel has, and tell the others.

        Args:
            further: what it was to have.
            failed: why it does not have some of that.
        """
        there = {each.network: each.vni for each in further.segments if each.network not in failed}
        here = self._networks.here
        self._on_bridge, self._failed = set(there), failed
        self._carried = {
            identity: vni
            for network, vni in there.items()
            if network in here and (identity := here[network].identity) is not None
        }
        if any(network in here and here[network].vni != vni for network, vni in there.items()):
            self.due.set()
        self._say()

    async def number(self) -> None:
        """Keep the numbers that networks have, for when they are removed while they are in use. Raises `HostError`."""
        async with self._lock:
            here = {
                network: replace(each, vni=self._carried.get(each.identity, each.vni)) if each.identity else each
                for network, each in self._networks.here.items()
            }
            await in_thread(partial(self._networks.keep, here, self._networks.known))

    async def ready(self, network: str) -> None:
        """Return when containers can join a network. Raises `HostError`: they can't, and why."""
        deadline = monotonic() + _PATIENCE
        while self._networks.of(network).further and network not in self._on_bridge:
            if monotonic() > deadline:
                why = self._failed.get(network, "it is not known yet what it is called")
                raise HostError(f"network {network[:12]} is not on this host: {why}", hint="try again")
            await asyncio.sleep(0.02)

    # -- what the engine has -------------------------------------------------------------------------------

    async def create(self, network: str, *, further: bool, multicast: bool, new: bool = False) -> None:
        """Note that the engine makes a network, of which it will tell more.

        Args:
            network: its id.
            further: whether it is another one than that of all containers.
            multicast: whether its containers route multicast there.
            new: whether no host has made it before.

        Raises:
            HostError: there are too many, or it can't be kept.
        """
        async with self._lock:
            if new and len(self._networks.known.records) >= registry.MOST_RECORDS:
                raise HostError(f"there are {registry.MOST_RECORDS} networks already", hint="remove one that is unused")
            self._recent.note(network, made=True)
            here = {network: Network(further, multicast), **self._networks.here}
            await self._keep(here, self._networks.known)

    async def delete(self, network: str, *, everywhere: bool) -> None:
        """Note that the engine removes a network.

        Args:
            network: its id.
            everywhere: remove it from all hosts; else it is none of theirs that this host has it no more.

        Raises:
            HostError: can't be kept.
        """
        async with self._lock:
            self._recent.note(network, made=False)
            known, each = self._networks.known, self._networks.here.get(network)
            here = {other: kept for other, kept in self._networks.here.items() if other != network}
            if each is not None and each.identity is not None and everywhere:
                winner = known.winners.get(each.name)
                counts = winner is not None and winner.identity == each.identity
                if counts:
                    logger.info("network %s is removed from all hosts", each.name)
                gone = {other.identity for other in known.records.values() if counts and other.name == each.name}
                known = known.without({each.identity, *gone})
            await self._keep(here, known)

    async def know(self, found: Iterable[Mapping[str, Any]]) -> None:
        """Take in how the engine describes all its networks of ours. Raises `HostError`: it can't be kept."""
        async with self._lock:
            listed = {str(described["Id"]): described for described in found}
            there = self._recent.corrected(listed)
            known = self._networks.known
            here = {network: each for network, each in self._networks.here.items() if network in there - listed.keys()}
            for network in [each for each in listed if each in there]:
                described, options = listed[network], listed[network].get("Options") or {}
                with suppress(HostError):  # it has been refused
                    each = self._networks.here.get(network) or Network(not is_of_all(options), multicast_of(options))
                    if each.further and each.identity is None:
                        each, known = self._identified(each, described, known)
                    here[network] = each
            await self._keep(here, known)

    def _identified(self, each: Network, described: Mapping[str, Any], known: Known) -> tuple[Network, Known]:
        name, design = str(described["Name"]), design_of(described)
        winner = known.winners.get(name)
        identity = identity_of(described.get("Options") or {})
        if identity is not None:
            record = Record(identity, name, design)
        elif winner is not None and winner.design == design:
            record = winner
        else:
            record = registry.made(known, name, design, self._me, int(time() * 1e6))
            if winner is not None:
                logger.warning(
                    "the network %s of this host has %s, that of the others %s: it is kept apart until nobody uses it",
                    name,
                    design,
                    winner.design,
                )
        return replace(each, name=name, design=design, identity=record.identity), known.having(record)

    # -- what there is to do, and to know ------------------------------------------------------------------

    @property
    def missing(self) -> list[Record]:
        """The networks that the engine has to make here."""
        names = {each.name for each in self._networks.here.values()}
        return [record for record in self._networks.known.winners.values() if record.name not in names]

    @property
    def surplus(self) -> dict[str, tuple[str, str]]:
        """The networks that the engine has to remove here when nobody uses them: names by id, and why."""
        winners = self._networks.known.winners
        found = {}
        for network, each in self._networks.here.items():
            winner = winners.get(each.name)
            if each.identity is not None and (winner is None or winner.identity != each.identity):
                why = f"that of the other hosts has {winner.design}" if winner else "removed on another host"
                found[network] = each.name, why
        return found

    @property
    def subnets(self) -> list[IPNetwork]:
        """The subnets of all further networks."""
        return [pool.subnet for pool in self._pools]

    @property
    def gateways(self) -> list[IPNetwork]:
        """The gateways of all further networks, each as a network of one address."""
        return [ip_network(pool.gateway) for pool in self._pools if pool.gateway]

    @property
    def _pools(self) -> list[Pool]:
        return [pool for record in self._networks.known.winners.values() for pool in record.design.pools]

    def name(self, network: str) -> str:
        """Return what a further network is called; empty for that of all, and for one that is not known."""
        each = self._networks.here.get(network)
        return each.name if each else ""

    @property
    def standings(self) -> list[Standing]:
        """How the further networks are: those of all hosts, and those that only this one has yet."""
        found, surplus = [], self.surplus
        here = {each.identity: (network, each) for network, each in self._networks.here.items() if each.identity}
        for record in self._networks.known.winners.values():
            network, each = here.get(record.identity, ("", None))
            trouble = self._failed.get(network, "") or ("" if each else self.troubles.get(record.name, "not made yet"))
            found.append(self._standing(record.name, record.design, network, record.identity, trouble))
        for network, (name, why) in surplus.items():
            each = self._networks.here[network]
            if each.design and each.identity:
                trouble = self.troubles.get(name, why)
                found.append(self._standing(name, each.design, network, each.identity, trouble))
        return sorted(found, key=lambda standing: (standing.name, standing.network))

    def _standing(self, name: str, design: Design, network: str, identity: Identity, trouble: str) -> Standing:
        vni, peers = self._carried.get(identity, 0), self._gossip.hosts([identity])
        return Standing(name, design, network, vni, tuple(peers), trouble)
