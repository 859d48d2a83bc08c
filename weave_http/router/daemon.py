"""The router's life: its parts wired together, started in order, and ended."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Collection
from contextlib import AsyncExitStack
from functools import partial
from time import monotonic, time
from typing import TYPE_CHECKING

from weave_http import __version__, constants
from weave_http.addresses import order
from weave_http.net import relays, tunnel
from weave_http.net.own_container import own_container
from weave_http.router.addresses.gossip import AddressGossip
from weave_http.router.addresses.options import AddressOptions
from weave_http.router.addresses.service import AddressService
from weave_http.router.addresses.standing import NO_PART
from weave_http.router.blocking import in_thread
from weave_http.router.control.control import Control
from weave_http.router.control.late_server import LateServer
from weave_http.router.control.metrics_server import MetricsServer
from weave_http.router.data.kernel import Kernel, bridge_mac
from weave_http.router.data.overlay import Overlay
from weave_http.router.data.plan import Reach, adopted
from weave_http.router.data.tunnel import Tunnel
from weave_http.router.engine import default_gateway, is_running, start_tunnel
from weave_http.router.mesh.facts import next_uid
from weave_http.router.mesh.identity import PeerName, Self, random_peer_name
from weave_http.router.mesh.peering import Peering
from weave_http.router.mesh.topic import Topic
from weave_http.router.names.gossip import NameGossip
from weave_http.router.names.options import DnsOptions
from weave_http.router.names.service import NameService
from weave_http.router.options import Options
from weave_http.router.paths.gossip import PathGossip
from weave_http.router.paths.service import Paths
from weave_http.router.roaming import follow_addresses
from weave_http.router.state import targets_of
from weave_http.router.store import Store
from weave_http.router.withdrawals import heed

# A router loads what it was told to do: the start of 60 of them is most of the time until they are a mesh.
if TYPE_CHECKING:
    from aiohttp.web import AppRunner

    from weave_http.router.docker_api import DockerAPI
    from weave_http.router.keys.gossip import KeyGossip
    from weave_http.router.keys.service import Tunnels
    from weave_http.router.plugin.gossip import NetworkGossip
    from weave_http.router.plugin.service import Plugin
    from weave_http.router.secrecy.service import Secrecy

logger = logging.getLogger(__name__)


class Router:
    """A router.

    Args:
        options: what it was told.
        store: what it keeps.
        me: what it is to others.
        before: UID of the router before this one, 0 if there was none.
    """

    def __init__(self, options: Options, store: Store, me: Self, before: int = 0) -> None:
        self._store = store
        self._before = before
        devices = _devices(me.name, options.port) if options.secrecy else None
        self._kernel = Kernel(
            me.name,
            options.port + 1,
            options.mtu,
            local_ports=options.local_ports,
            docker_bridge=os.environ.get("DOCKER_BRIDGE") or constants.DOCKER_BRIDGE,
            procfs=os.environ.get("PROCFS"),
            tunnels=devices,
            enforce=options.enforce,
            source=me.source,
            offload=options.offload,
        )
        self._overlay = Overlay(self._kernel, store, self._reach, self._checked)
        self._name_gossip = NameGossip(me.name, me.uid)
        path_gossip, self._address_gossip = PathGossip(me.name, me.uid), AddressGossip(me.name, me.uid)
        topics: list[Topic] = [self._name_gossip, path_gossip, self._address_gossip]
        if devices:
            from weave_http.router.keys.gossip import KeyGossip

            key_gossip = KeyGossip(me.name, me.uid)
            topics.append(key_gossip)
        with_plugin = options.plugin and bool(own_container())
        if with_plugin:
            from weave_http.router.plugin.gossip import NetworkGossip

            network_gossip = NetworkGossip(me.name, me.uid)
            topics.append(network_gossip)
        self._secrecy: Secrecy | None = None
        channel = None
        if options.secrecy is not None:
            from weave_http.router.secrecy.channel import Encrypted
            from weave_http.router.secrecy.gossip import PasswordGossip
            from weave_http.router.secrecy.service import Secrecy

            password_gossip = PasswordGossip(me.name, me.uid)
            topics.append(password_gossip)
            self._secrecy = Secrecy(options.secrecy, password_gossip, options.state_dir, self._password_changed)
            channel = Encrypted(self._secrecy.candidates, self._secrecy.trusts)
        self._peering = Peering(me, self._overlay.changed, topics, channel=channel)
        self._tunnels = self._tunnels_of(*devices, key_gossip) if devices else None
        self._paths = Paths(
            self._peering,
            path_gossip,
            options.port + 1,
            self._kernel.full,
            self._overlay.changed,
            self._tunnels,
        )
        self._overlay.followed = self._paths.followed
        if devices:
            key_gossip.changed = self._paths.look
        self._names = self._name_service(options.dns) if options.dns else None
        self._addresses = self._address_service(options.addresses) if options.addresses else None
        if self._addresses is None:
            self._address_gossip.say(NO_PART, None)
        else:
            self._paths.admits = self._addresses.allocator.gate.admits
            self._addresses.follow = self._overlay.follow
        self._plugin = self._plugin_of(network_gossip, options) if with_plugin else None
        catalogue = self._plugin.catalogue if self._plugin else None
        if catalogue is not None:
            self._overlay.further, self._overlay.carried = catalogue.further, catalogue.carried
            catalogue.changed = self._overlay.changed
        self._control = Control(
            store,
            self._peering,
            self._overlay,
            self._paths,
            self._names,
            self._addresses,
            self._tunnels,
            self._secrecy,
            catalogue,
            enforce=options.enforce,
        )
        if self._addresses is not None:
            self._addresses.take_away = self._control.take_away
        self._overlay.guard_again = self._guard_again
        self._docker_api: DockerAPI | None = None
        if options.proxy:
            from weave_http.router.docker_api import DockerAPI

            self._docker_api = DockerAPI(options.proxy, options.listening)
        host, port = options.http_addr
        self._api = LateServer(host, port, partial(self._runner, host), when_taken="another router runs there")
        self._metrics = MetricsServer(lambda: self._control.report, options.metrics_addr)

    def _runner(self, host: str) -> AppRunner:
        """Return the server of the HTTP API: who listens on a loopback address calls it when somebody connects."""
        from weave_http.router.control import address_routes, name_routes, password_routes, proxy_routes
        from weave_http.router.control.http_api import Api

        names, addresses = self._names, self._addresses
        more = [
            *(name_routes.routes(names) if names else name_routes.routes_when_off()),
            *(address_routes.routes(addresses) if addresses else address_routes.routes_when_off()),
            *proxy_routes.routes(self._docker_api),
            *password_routes.routes(self._secrecy),
        ]
        return Api(self._control, host, more=more).runner

    def _password_changed(self) -> None:
        """Tell the neighbours, and dial those at once that had another password than this router."""
        self._peering.wake()
        self._peering.hurry()

    def _guard_again(self, ports: Collection[str]) -> None:
        """Have containers held again to what they were given, by whoever gave it to them."""
        self._control.reattacher.again()
        if self._plugin is not None:
            self._plugin.guard(ports)

    def _reach(self, now: float) -> Reach:
        return self._paths.reach(now)

    def _checked(self) -> None:
        if self._tunnels is not None:
            self._tunnels.refresh()

    def _tunnels_of(self, direct: Tunnel, relayed: Tunnel, gossip: KeyGossip) -> Tunnels:
        from weave_http.router.keys.service import Tunnels

        peering = self._peering
        return Tunnels(
            peering.me.name,
            gossip,
            direct,
            relayed,
            peering.me.port,
            clear=lambda: {peer for peer, connection in peering.connections.items() if connection.clear},
            met=lambda: [each.remote.ip for each in peering.connections.values() if not each.clear],
            told=peering.wake,
        )

    def _address_service(self, options: AddressOptions) -> AddressService:
        return AddressService(
            self._peering.me.name,
            options,
            self._address_gossip,
            self._store,
            changed=self._peering.wake,
            nickname=lambda peer: fact.value.nickname if (fact := self._peering.membership.topology.get(peer)) else "",
        )

    def _plugin_of(self, gossip: NetworkGossip, options: Options) -> Plugin:
        from weave_http.router.plugin.service import Plugin

        return Plugin(
            options.state_dir,
            os.environ.get("PROCFS") or constants.PROCFS,
            self._addresses,
            self._names,
            me=self._peering.me.name,
            gossip=gossip,
            told=self._peering.wake,
        )

    def _name_service(self, options: DnsOptions) -> NameService:
        return NameService(
            options,
            self._name_gossip,
            self._store,
            changed=self._peering.wake,
            is_running=is_running,
            default_gateway=default_gateway,
        )

    async def run(self) -> None:
        """Run until cancelled.

        Raises:
            HostError: it could not start.
        """
        me = self._peering.me
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._peering.stop)
            self._peering.listen()
            stack.push_async_callback(self._api.stop)
            await self._api.start()
            stack.push_async_callback(self._metrics.stop)
            self._control.metrics = await self._metrics.start()
            await self._keep_destinations()
            await self._overlay.start(me.uid, self._before)
            keeping = asyncio.create_task(self._overlay.run())
            stack.callback(keeping.cancel)
            if self._names is not None:
                stack.push_async_callback(self._names.stop)
                await self._names.start()
            if self._addresses is not None:
                handing_out = asyncio.create_task(self._addresses.run())
                stack.callback(handing_out.cancel)
            self._peering.start()
            self._peering.connect(list(self._store.state.targets))
            probing = asyncio.create_task(self._paths.run())
            stack.callback(probing.cancel)
            if self._tunnels is not None:
                rotating = asyncio.create_task(self._tunnels.run())
                stack.callback(rotating.cancel)
            roaming = asyncio.create_task(follow_addresses(self._peering.underlay_changed))
            stack.callback(roaming.cancel)
            stack.callback(self._control.reattacher.stop)
            self._control.reattacher.start()
            if self._docker_api is not None:
                stack.callback(self._docker_api.stop)
                self._docker_api.start()
            if self._plugin is not None:
                stack.push_async_callback(self._plugin.stop)
                await self._plugin.start()
            self._control.ready = True
            logger.info("weave router %s: %s(%s) on port %d", __version__, me.name, me.nickname, me.port)
            await keeping
            await asyncio.Event().wait()

    async def _keep_destinations(self) -> None:
        """Take over the destinations of an earlier router: peers that are not connected yet.

        Those of a network with a password don't hold for one without, nor the other way round.
        """
        there = await in_thread(self._kernel.destinations)
        found = {ip for ip in there if tunnel.is_tunnelled(ip) == (self._tunnels is not None)}
        if found:
            logger.info(
                "keeping the destinations of an earlier router: %s", ", ".join(map(str, sorted(found, key=order)))
            )
        self._peering.lost = adopted(found, monotonic(), self._store.state.places)

    def log_status(self) -> None:
        """Write the status into the log."""
        for line in (self._control.status("") or "").splitlines():
            logger.info("%s", line)


def _devices(name: PeerName, port: int) -> tuple[Tunnel, Tunnel]:
    """Return the tunnels to hosts that are reached directly, and to those that are reached over others."""
    return (
        Tunnel(name, tunnel.DIRECT, port, start_tunnel),
        Tunnel(name, tunnel.RELAYED, relays.tunnel_port(port + 1), start_tunnel),
    )


async def serve(options: Options) -> None:
    """Run a router until SIGTERM or SIGINT.

    Raises:
        WeaveError: it could not start.
    """
    loop = asyncio.get_running_loop()
    work = asyncio.create_task(_serve(options))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, work.cancel)
    try:
        await work
    except asyncio.CancelledError:
        logger.info("stopped; the kernel keeps forwarding")


async def _serve(options: Options) -> None:
    store = Store(options.state_dir)
    await heed(options.state_dir, store)
    state = store.state
    name = options.name or PeerName(await in_thread(bridge_mac) or state.name) or random_peer_name()
    launch = own_container()
    targets = state.targets if options.resume else targets_of(state, launch, options.targets)
    uid = next_uid(time(), state.uid)
    await store.begin(name=name, uid=uid, launch=launch, targets=targets)
    me = Self(name, options.nickname, uid, options.host, options.port, options.conn_limit, options.discovery)
    router = Router(options, store, me, state.uid)
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, router.log_status)
    try:
        await router.run()
    finally:
        await store.close()
