"""The router as a whole: its parts wired together, from start to end."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from functools import partial
from time import monotonic, time_ns
from typing import Any

from weave_http import __version__, constants
from weave_http.errors import WeaveError
from weave_http.net import bridge
from weave_http.net.own_container import own_container
from weave_http.router.blocking import in_thread
from weave_http.router.control import status
from weave_http.router.control.http_api import Api
from weave_http.router.data.exposing import Exposing
from weave_http.router.data.overlay import Overlay, bridge_mac
from weave_http.router.engine import default_gateway, is_running
from weave_http.router.mesh.identity import Self, random_peer_name
from weave_http.router.mesh.peering import Peering
from weave_http.router.mesh.resolve import parse_target, resolve
from weave_http.router.names import texts
from weave_http.router.names.http_routes import routes, routes_when_off
from weave_http.router.names.memory import Memory
from weave_http.router.names.service import NameService
from weave_http.router.options import Options
from weave_http.router.reattach import Reattacher
from weave_http.router.state import State, Store, rendered

logger = logging.getLogger(__name__)


class Router:
    """A router; its public methods are what the API offers (`weave_http.router.control.http_api.Control`).

    Args:
        options: what it was told.
        store: what it keeps.
        me: what it is to others.
        before: UID of the router before this one, 0 if there was none.
    """

    def __init__(self, options: Options, store: Store, me: Self, before: int = 0) -> None:
        self.ready = False
        self._store = store
        self._before = before
        self._port = options.port
        self._overlay = Overlay(
            me.name,
            options.port + 1,
            options.mtu,
            api_port=options.http_addr[1],
            docker_bridge=os.environ.get("DOCKER_BRIDGE") or constants.DOCKER_BRIDGE,
            procfs=os.environ.get("PROCFS"),
        )
        self._exposing = Exposing(store, self._overlay)
        self._peering = Peering(me, self._overlay)
        self._names = self._name_service(options)
        self._api = Api(self, *options.http_addr, more=routes(self._names) if self._names else routes_when_off())
        self._reattacher = Reattacher(lambda: self.attachments, self.delete_attachment, names=self._names)
        self._left = False

    async def run(self) -> None:
        """Run until cancelled.

        Raises:
            HostError: it could not start.
        """
        keeping: asyncio.Task[None] | None = None
        try:
            self._peering.listen()
            await self._api.start()
            await self._take_over_bridge()
            await self._overlay.start()
            await in_thread(partial(bridge.mark, _mark(self._store.state.uid)))
            keeping = asyncio.create_task(self._overlay.run())
            if self._names is not None:
                await self._names.start()
            self._peering.start()
            self._peering.connect(list(self._store.state.targets))
            self._reattacher.start()
            self.ready = True
            me = self._peering.me
            logger.info("weave router %s: %s(%s) on port %d", __version__, me.name, me.nickname, me.port)
            await keeping
            await asyncio.Event().wait()
        finally:
            self._reattacher.stop()
            if keeping is not None:
                keeping.cancel()
            await self._peering.stop()
            await self._api.stop()
            if self._names is not None:
                await self._names.stop()

    def _name_service(self, options: Options) -> NameService | None:
        if options.dns is None:
            return None
        return NameService(
            options.dns,
            self._peering.names,
            Memory(options.state_dir),
            changed=lambda: self._peering.names_changed(self._peering.me.name),
            is_running=is_running,
            default_gateway=default_gateway,
        )

    def log_status(self) -> None:
        """Write the status into the log."""
        for line in (self.status("") or "").splitlines():
            logger.info("%s", line)

    @property
    def attachments(self) -> dict[str, list[str]]:
        """Addresses in CIDR notation by container id."""
        return {container: list(addresses) for container, addresses in self._store.state.attachments.items()}

    def status(self, section: str) -> str | None:
        """Return a section's text, the summary's for an empty name, None when there is no such section."""
        peering, overlay, now = self._peering, self._overlay, monotonic()
        match section:
            case "":
                return status.summary(peering, overlay, now, texts.summary(self._names) if self._names else ())
            case "connections":
                return status.connections_text(status.connections(peering, overlay, now))
            case "peers":
                return status.peers_text(peering.gossip.peers)
            case "targets":
                return status.targets_text(peering.targets.given)
            case "dns" if self._names is not None:
                return texts.entries_text(self._names.entries, self._names.options.domain)
            case _:
                return None

    def report(self) -> dict[str, Any]:
        """Return all there is to know."""
        report = {
            **status.report(self._peering, self._overlay, monotonic()),
            "Attachments": self.attachments,
            "Exposed": self.exposed,
        }
        return {**report, "DNS": texts.report(self._names)} if self._names else report

    async def connect(self, peers: list[str], *, replace: bool) -> list[str]:
        """Dial these too, or instead; return a line for each that is none."""
        good, complaints = [], []
        for peer in dict.fromkeys(peers):
            try:
                await resolve(*parse_target(peer, self._port))
            except WeaveError as error:
                complaints.append(str(error))
            else:
                good.append(peer)
        if good:
            if replace:
                self._forget([target for target in self._peering.targets.given if target not in good])
            self._peering.connect(good)
            await self._keep_targets()
        return complaints

    async def forget(self, peers: list[str]) -> None:
        """Stop dialling these, and sending data there when there is no connection."""
        self._forget(peers)
        await self._keep_targets()

    async def set_attachment(self, container: str, addresses: tuple[str, ...]) -> None:
        """Note which addresses a container gets whenever it starts."""
        await self._store.change(attachments={**self._store.state.attachments, container: addresses})

    async def delete_attachment(self, container: str) -> None:
        """Drop that note."""
        kept = {key: value for key, value in self._store.state.attachments.items() if key != container}
        await self._store.change(attachments=kept)

    @property
    def exposed(self) -> dict[str, dict[str, object]]:
        """What of the host is on the network."""
        return rendered(self._store.state.exposed)

    async def expose(self, addresses: tuple[str, ...], *, masquerade: bool, name: str) -> None:
        """Put the host on the network."""
        await self._exposing.expose(addresses, masquerade=masquerade, name=name)

    async def hide(self, addresses: tuple[str, ...]) -> None:
        """Take it off again."""
        await self._exposing.hide(addresses)

    async def leave(self) -> None:
        """Leave the mesh for good: what remains is to be stopped."""
        if not self._left:
            self._left = True
            logger.info("leaving")
            await self._peering.leave()
        await self._overlay.leave()

    async def _take_over_bridge(self) -> None:
        """Go by what was hidden since the last router ended, if the bridge is the one that it had."""
        found = await in_thread(bridge.describe)
        if found is not None and self._before and await in_thread(bridge.marked) == _mark(self._before):
            await self._exposing.drop_hidden(list(map(str, found[1])))

    def remove_peer(self, who: str) -> None:
        """Stop at once to send data to a lost peer, by name or nickname; one that is connected is left alone."""
        known = {who, *(fact.owner for fact in self._peering.gossip.topology if fact.value.nickname == who)}
        for name in known:
            self._overlay.forget_peer(name)

    def _forget(self, peers: list[str]) -> None:
        self._overlay.forget(address.ip for address in self._peering.forget(peers))

    async def _keep_targets(self) -> None:
        await self._store.change(targets=tuple(self._peering.targets.given))


def _mark(uid: int) -> str:
    """Return what a router writes on its bridge, to know it again."""
    return f"weave-http {uid}"


def targets_of(state: State, launch: str, given: tuple[str, ...]) -> tuple[str, ...]:
    """Return whom to dial: what a launch says, and after a mere restart what had become of that.

    Args:
        state: what was kept.
        launch: id of our container, empty outside one.
        given: the targets of our command line.
    """
    return state.targets if launch and launch == state.launch else given


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
    state = store.state
    name = options.name or await in_thread(bridge_mac) or state.name or random_peer_name()
    launch = own_container()
    targets = state.targets if options.resume else targets_of(state, launch, options.targets)
    uid = max(time_ns() // 1000, state.uid + 1)
    await store.change(name=name, uid=uid, launch=launch, targets=targets)
    me = Self(name, options.nickname, uid, options.host, options.port, options.conn_limit, options.discovery)
    router = Router(options, store, me, state.uid)
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, router.log_status)
    await router.run()
