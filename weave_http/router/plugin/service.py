"""The plugin as the router has it: its server, where the engine finds it, and what follows from the engine's word."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from weave_http.engine import local_engine
from weave_http.errors import EngineError, HostError, WeaveError
from weave_http.host import plugin_files
from weave_http.router.addresses.service import AddressService
from weave_http.router.blocking import in_thread
from weave_http.router.engine import engine_socket
from weave_http.router.mesh.identity import PeerName
from weave_http.router.names.service import NameService
from weave_http.router.plugin.bodies import Body
from weave_http.router.plugin.catalogue import Catalogue
from weave_http.router.plugin.driver import Driver
from weave_http.router.plugin.following import Endpoint, Following, Found
from weave_http.router.plugin.gossip import NetworkGossip
from weave_http.router.plugin.ipam import Ipam
from weave_http.router.plugin.keeper import Keeper
from weave_http.router.plugin.networks import Networks
from weave_http.router.plugin.server import PluginServer
from weave_http.router.tasks import Tasks

logger = logging.getLogger(__name__)

SOCKET = Path("/run/weave-plugin/plugin.sock")
"""In the router's own file system, and not in a folder that is the host's: with the process it must be gone."""
_NAMED, _SHORT = ":docker", 12
"""The owner of an endpoint's names: the container's short id, and how that ends. They don't sleep."""
_PATIENCE = 3.0
"""Seconds for which a start waits for the engine."""
_SEE_OUT = 9.0
"""Seconds for which an engine that ends may take endpoints down; it gives a container ten to end."""


class Plugin:
    """The plugin of this host.

    Args:
        folder: where the router keeps what must survive it.
        procfs: where the host's /proc is mounted.
        addresses: hands them out; None if nobody does.
        names: told what containers are called; None if nobody answers for names.
        me: name of this peer.
        gossip: what all peers say of further networks.
        told: called when the others have to be told something.

    Attributes:
        catalogue: the further networks.
    """

    def __init__(
        self,
        folder: Path,
        procfs: str,
        addresses: AddressService | None,
        names: NameService | None,
        *,
        me: PeerName,
        gossip: NetworkGossip,
        told: Callable[[], None],
    ) -> None:
        self._procfs = procfs
        self._names = names
        self._addresses = addresses
        networks = Networks(folder)
        self.catalogue = Catalogue(me, networks, gossip, told)
        self._keeper = Keeper(self.catalogue, self._leaving)
        self._tasks = Tasks("the plugin")
        self._ipam = Ipam(addresses, lambda: self.catalogue.subnets)
        if addresses is not None:
            addresses.allocator.avoided = lambda: self.catalogue.subnets
            addresses.allocator.reserved = lambda: self.catalogue.gateways
        driver = Driver(networks, self.catalogue, self._leaving)
        calls = {"Plugin.Activate": _activate, **driver.calls, **self._ipam.calls}
        self._server = PluginServer(calls, SOCKET)
        # An engine makes no network without IPv4.
        subnets = addresses.defaults if addresses and addresses.options.ipv4 else ()
        self._following = Following(self._tell, procfs, subnets)
        self._looked = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Have the engine find the plugin, and follow its networks.

        Raises:
            HostError: it could not be put where the engine looks.
        """
        self._loop = asyncio.get_running_loop()
        try:
            await in_thread(partial(plugin_files.guard, self._procfs))
        except HostError as error:
            logger.warning("%s: when the engine starts it will wait for the router, up to a minute", error)
        await self._server.start()
        await in_thread(partial(plugin_files.offer, self._procfs, SOCKET))
        self._following.start()
        self._tasks.start(self._keeper.run())
        # Who launches finds the network there. An engine that is just starting answers later.
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await self._looked.wait()

    async def stop(self) -> None:
        """Have the engine find it no more. Idempotent.

        An engine that ends stops the router and other containers at once, and waits for us to let go of these.
        """
        self._following.stop()
        await self._tasks.stop()
        deadline = monotonic() + _SEE_OUT
        while monotonic() < deadline and self._ipam.in_use and await in_thread(_engine_ended):
            await asyncio.sleep(0.1)
        with suppress(OSError):
            await in_thread(partial(plugin_files.withdraw, self._procfs, mine=True))
        await self._server.stop()

    def guard(self, ports: Collection[str]) -> None:
        """Have the host look again at what comes from the endpoints with these ports: somebody took the rules away."""
        self._tasks.start(in_thread(partial(self._following.guard, ports)))

    def _tell(self, found: Found) -> None:
        """Have the event loop do what follows from what the thread found."""
        assert self._loop is not None
        coroutine = self._follow(found)
        try:
            asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except RuntimeError:  # the loop has been closed
            coroutine.close()

    async def _follow(self, found: Found) -> None:
        self._looked.set()
        try:
            await self.catalogue.know(found.networks)
            if self._names is not None:
                await self._name(self._names, found.endpoints)
            if back := await self._ipam.keep_only({each.mac for each in found.endpoints}):
                logger.info("took back %s, which no container has", ", ".join(back))
        except WeaveError as error:
            logger.error("%s", error)

    def _leaving(self) -> bool:
        """Tell whether this host leaves for good: what goes then is the other hosts' as before."""
        return self._addresses is not None and self._addresses.allocator.agreement.leaving

    async def _name(self, names: NameService, endpoints: Iterable[Endpoint]) -> None:
        """Have the names of the endpoints that there are, and of no others."""
        wanted = {
            (f"{each.container[:_SHORT]}{_NAMED}", address.ip, name)
            for each in endpoints
            for address in each.addresses
            for label in each.names
            for name in self._names_on(label, each.network, names.options.domain)
        }
        present = {(owner, ip) for owner, ip, _ in wanted}
        for given in names.given(_NAMED):
            if (given.owner, given.address) not in present:
                names.remove(given.owner, given.address)
        for owner, ip, name in wanted:
            with suppress(WeaveError):  # a container's name need not be a hostname
                await names.put(owner, ip, name)

    def _names_on(self, label: str, network: str, domain: str) -> list[str]:
        """Return what a container is called: on a further network also with that network's name, as Docker has it."""
        further = self.catalogue.name(network)
        return [label, f"{label}.{further}.{domain}"] if further and "." not in label else [label]


def _engine_ended() -> bool:
    """Tell whether the engine does not answer (any more). Blocking."""
    try:
        with local_engine(engine_socket()) as engine:
            engine.ping()
    except EngineError:
        return True
    return False


async def _activate(body: Body) -> Mapping[str, Any]:
    """Say what of Docker's the plugin is: the same under both names."""
    return {"Implements": ["NetworkDriver", "IpamDriver"]}
