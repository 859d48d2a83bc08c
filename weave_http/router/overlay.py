"""Keeps the kernel as the flood plan wants it. Everything that touches the kernel runs in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from functools import partial
from time import monotonic

from weave_http import names
from weave_http.errors import HostError
from weave_http.net import bridge, firewall, vxlan
from weave_http.net.bridge import BridgeState
from weave_http.router.blocking import in_thread
from weave_http.router.dataplane import FloodPlan

logger = logging.getLogger(__name__)

CHECK = 10.0
"""Seconds after which it is looked whether someone took something away."""


class Overlay:
    """The data plane of this host.

    Args:
        name: peer name: the MAC address of a bridge that has to be made.
        port: UDP port of the VXLAN device.
        mtu: of the overlay, in bytes; None to derive it from the underlay's.
    """

    def __init__(self, name: str, port: int, mtu: int | None) -> None:
        self._name = name
        self._port = port
        self._given_mtu = mtu
        self._plan = FloodPlan()
        self._due = asyncio.Event()
        self._lock = asyncio.Lock()
        self._left = False
        self._trouble = ""
        self.mtu = 0
        self.destinations: frozenset[str] = frozenset()

    async def start(self) -> None:
        """Make what has to be there, and take over the flood destinations of an earlier router.

        Raises:
            HostError: it can't be made.
        """
        found = await in_thread(vxlan.flood_destinations)
        if found:
            logger.info("keeping the destinations of an earlier router: %s", ", ".join(sorted(found)))
        self._plan.adopt(found, monotonic())
        await self._apply(check=True)

    async def run(self) -> None:
        """Keep the kernel in step until cancelled."""
        while not self._left:
            check = False
            try:
                async with asyncio.timeout(CHECK):
                    await self._due.wait()
            except TimeoutError:
                check = True
            self._due.clear()
            try:
                await self._apply(check=check)
                self._trouble = ""
            except (HostError, OSError) as error:
                if str(error) != self._trouble:
                    logger.error("the data plane is not as it should be: %s", error)
                self._trouble = str(error)

    async def leave(self) -> None:
        """Take the VXLAN device down, for good."""
        self._left = True
        async with self._lock:
            await in_thread(vxlan.remove_vxlan)
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
            self.mtu = await in_thread(partial(self._converge, wanted, check=check))
            self.destinations = wanted

    def _converge(self, wanted: frozenset[str], *, check: bool) -> int:
        """Blocking. Return the MTU of the overlay."""
        mtu = self.mtu
        if check:
            state: BridgeState = bridge.ensure_bridge(mtu=self._given_mtu, mac=self._name)
            firewall.ensure()
            vxlan.ensure_vxlan(names.BRIDGE, self._port, state.mtu)
            mtu = state.mtu
        there = vxlan.flood_destinations()
        for ip in sorted(there - wanted):
            vxlan.remove_flood(ip)
        for ip in sorted(wanted - there):
            vxlan.add_flood(ip)
        if there != wanted:
            logger.info("data goes to %s", ", ".join(sorted(wanted)) or "no other host")
        return mtu


def bridge_mac() -> str:
    """Return the MAC address of the bridge, empty when there is none. Blocking."""
    found = bridge.describe()
    return found[0].mac if found else ""
