"""Which clients may ask for names: containers of this host, and the host itself, but not the LAN.

The engine's bridge has its address on the host, which answers on it to anybody who has a route there: whoever is on
the LAN could read all names, and have long answers sent to an address of his choice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from ipaddress import ip_address
from time import monotonic

from weave_http.addresses import Network
from weave_http.errors import HostError
from weave_http.router.blocking import in_thread

logger = logging.getLogger(__name__)

REREAD = 1.0
"""Least seconds from one look at the host's networks to the next."""
EXPIRE = 30.0
"""Seconds for which what was seen is taken for what there is."""
MOST_WAITING = 64
"""Strangers' queries that wait for a look; more are dropped."""
_MOST_REMEMBERED = 4096


class Clients:
    """Tells ours from strangers.

    Args:
        networks: returns the networks that are ours; blocks.
    """

    def __init__(self, networks: Callable[[], Collection[Network]]) -> None:
        self._read = networks
        self._networks: Collection[Network] = ()
        self._read_at = float("-inf")
        self._remembered: dict[str, bool] = {}
        self._lock = asyncio.Lock()
        self._waiting = 0

    def may_ask(self, client: str) -> bool | None:
        """Return whether an address is one of ours; None if it takes a look at the host (`look`) to know."""
        if monotonic() - self._read_at > EXPIRE:
            return None
        return self._remembered.get(client)

    async def look(self, client: str) -> bool:
        """Return whether an address is one of ours, having looked at the host if need be."""
        if self._waiting >= MOST_WAITING:
            return False
        self._waiting += 1
        try:
            async with self._lock:
                known = self.may_ask(client)
                if known is None:
                    known = await self._find_out(client)
                return known
        finally:
            self._waiting -= 1

    async def _find_out(self, client: str) -> bool:
        now = monotonic()
        if now - self._read_at > EXPIRE or not self._is_ours(client):
            await asyncio.sleep(max(0.0, self._read_at + REREAD - now))
            try:
                self._networks = await in_thread(self._read)
            except HostError as error:
                logger.warning("can't tell who may ask for names: %s", error)
            self._read_at = monotonic()
            self._remembered.clear()
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[client] = self._is_ours(client)
        return self._remembered[client]

    def _is_ours(self, client: str) -> bool:
        address = ip_address(client)
        return any(address in network for network in self._networks)


class Anybody(Clients):
    """Where somebody chose an address to listen on, he chose who can reach it."""

    def __init__(self) -> None:
        super().__init__(tuple)

    def may_ask(self, client: str) -> bool:
        """Return that it may."""
        return True
