"""Keeps the kernel as the flood plan wants it. Everything that touches the kernel runs in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import suppress
from functools import partial
from time import monotonic

from weave_http import constants
from weave_http.addresses import Cidr, parse_cidr, parse_ip
from weave_http.errors import HostError
from weave_http.net import bridge, expose
from weave_http.net.backend import Backend
from weave_http.net.ports import Ports
from weave_http.net.rules import Guard
from weave_http.net.vxlan import Vxlan
from weave_http.router.blocking import in_thread
from weave_http.router.data.dataplane import FloodPlan

logger = logging.getLogger(__name__)

CHECK = 3.0
"""Seconds after which it is looked whether someone took something away."""
Exposed = Mapping[str, bool]
"""Addresses of the host on the network, in CIDR notation, and whether each masquerades."""


class Overlay:
    """The data plane of this host.

    Args:
        name: peer name: the MAC address of a bridge that has to be made.
        port: UDP port of the VXLAN device.
        mtu: of the overlay, in bytes; None to derive it from the underlay's.
        api_port: TCP port of the router's API, which only programs of this host may reach.
        docker_bridge: name of the engine's default bridge.
        procfs: where the host's /proc is mounted; None if nobody has said so. Ports of dead containers are then left
            alone: to a router in a container, its own /proc has no other container's processes.

    Attributes:
        exposed: says what of the host must be on the network; called in any thread.
        found_exposed: is told what is.
    """

    def __init__(
        self,
        name: str,
        port: int,
        mtu: int | None,
        *,
        api_port: int = constants.ROUTER_HTTP_PORT,
        docker_bridge: str = constants.DOCKER_BRIDGE,
        procfs: str | None = None,
    ) -> None:
        self._name = name
        self._backend: Backend = Vxlan(port)
        self._given_mtu = mtu
        self._docker_bridge = docker_bridge
        self._ports = Ports(procfs) if procfs else None
        self._guard = Guard(port - 1, api_port, docker_bridge)
        self.exposed: Callable[[], Exposed] = dict
        self.found_exposed: Callable[[Exposed], Awaitable[None]] | None = None
        self._plan = FloodPlan()
        self._due = asyncio.Event()
        self._lock = asyncio.Lock()
        self._left = False
        self._trouble = ""
        self.mtu = 0
        self._found: Exposed = {}
        self.destinations: frozenset[str] = frozenset()

    async def start(self) -> None:
        """Make what has to be there, and take over the flood destinations of an earlier router.

        Raises:
            HostError: it can't be made.
        """
        found = set(map(str, await in_thread(self._backend.destinations)))
        if found:
            logger.info("keeping the destinations of an earlier router: %s", ", ".join(sorted(found)))
        self._plan.adopt(found, monotonic())
        await self._apply(check=True)

    async def run(self) -> None:
        """Keep the kernel in step until cancelled."""
        due_check = monotonic() + CHECK
        while not self._left:
            # Peers that come and go must not keep it from looking after the rest.
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, due_check - monotonic())):
                    await self._due.wait()
            check = monotonic() >= due_check
            if check:
                due_check = monotonic() + CHECK
            self._due.clear()
            try:
                await self._apply(check=check)
                self._trouble = ""
            except (HostError, OSError) as error:
                if str(error) != self._trouble:
                    logger.error("the data plane is not as it should be: %s", error)
                self._trouble = str(error)

    async def check(self) -> None:
        """Have everything as it must be, now.

        Raises:
            HostError: it can't be, or the router is about to end.
        """
        if self._left:
            raise HostError("the router is leaving", hint="launch it again")
        await self._apply(check=True)

    async def hide(self, addresses: Collection[str]) -> None:
        """Take addresses of the host, in CIDR notation, off the network. Raises `HostError`."""
        async with self._lock:
            await in_thread(partial(expose.hide, list(map(parse_cidr, addresses)), self._docker_bridge))

    async def leave(self) -> None:
        """Take the VXLAN device down, for good."""
        self._left = True
        async with self._lock:
            await in_thread(self._backend.remove)
            self.destinations = frozenset()

    def peer_up(self, peer: str, ip: str) -> None:
        """Send data to a peer from now on."""
        self._plan.up(peer, ip)
        self._due.set()

    def peer_down(self, peer: str, *, goodbye: bool) -> None:
        """Stop to send data to a peer: now after a goodbye, else in a while."""
        self._plan.down(peer, monotonic(), goodbye=goodbye)
        self._due.set()

    def forget(self, addresses: Iterable[str]) -> None:
        """Stop to send data to these hosts, unless they are connected."""
        for ip in addresses:
            self._plan.forget(ip)
        self._due.set()

    def forget_peer(self, peer: str) -> None:
        """Stop to send data to a peer that was lost."""
        self._plan.forget_peer(peer)
        self._due.set()

    async def _apply(self, *, check: bool) -> None:
        async with self._lock:
            if self._left:
                return
            wanted = frozenset(self._plan.wanted(monotonic()))
            if check:
                await in_thread(self._check)
            await in_thread(partial(self._flood, wanted))
            self.destinations = wanted
            if check and self.found_exposed is not None:
                await self.found_exposed(self._found)

    def _check(self) -> None:
        """Blocking. Have bridge, ports, rules, addresses of the host and VXLAN device as they must be."""
        state = bridge.ensure_bridge(
            mtu=self._given_mtu, mac=self._name, overhead=self._backend.overhead, fresh=not self.mtu
        )
        outcome = expose.expose(self._wanted, self._docker_bridge, guard=self._guard)
        self._backend.ensure(state.mtu)
        if outcome.changed and self.mtu:
            logger.info("the firewall's rules were not as they must be, and are again")
        self.mtu, self._found = state.mtu, {str(cidr): masquerade for cidr, masquerade in outcome.exposed.items()}
        if self._ports and (dead := self._ports.remove_dead()):
            logger.info("removed %s: no process is at the other end any more", ", ".join(dead))

    def _wanted(self) -> dict[Cidr, bool]:
        return {parse_cidr(cidr): masquerade for cidr, masquerade in self.exposed().items()}

    def _flood(self, wanted: frozenset[str]) -> None:
        """Blocking. Have these flood destinations."""
        if self._backend.apply(set(map(parse_ip, wanted))):
            logger.info("data goes to %s", ", ".join(sorted(wanted)) or "no other host")


def bridge_mac() -> str:
    """Return the MAC address of the bridge, empty when there is none. Blocking."""
    found = bridge.describe()
    return found[0].mac if found else ""
