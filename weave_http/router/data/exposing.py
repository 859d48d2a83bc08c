"""The host itself on the network: what is exposed is remembered here, and carried out by the overlay.

The record says what there must be. What the executor exposed while there was no router is found and added to it; what
was hidden meanwhile, though the bridge is the same as ever, is dropped from it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress

from weave_http.errors import HostError, WeaveError
from weave_http.router.data.overlay import Overlay
from weave_http.router.state import Exposure, Store

logger = logging.getLogger(__name__)


class Exposing:
    """What of the host is on the network.

    Args:
        store: remembers it.
        overlay: has the kernel as it must be.
    """

    def __init__(self, store: Store, overlay: Overlay) -> None:
        self._store = store
        self._overlay = overlay
        self._lock = asyncio.Lock()
        self._leaving: frozenset[str] = frozenset()
        overlay.exposed = self.wanted
        overlay.found_exposed = self.adopt

    def wanted(self) -> dict[str, bool]:
        """Return the addresses in CIDR notation, and whether each masquerades."""
        return {cidr: each.masquerade for cidr, each in self._store.state.exposed.items()}

    async def expose(self, addresses: Iterable[str], *, masquerade: bool, name: str) -> None:
        """Put the host on the network; done when it is.

        Args:
            addresses: in CIDR notation.
            masquerade: whether packets between these subnets and elsewhere bear the host's address.
            name: one more name of these addresses; empty for none.

        Raises:
            HostError: the kernel refused, or it can't be remembered; all is as before.
        """
        async with self._lock:
            before = self._store.state.exposed
            after = dict(before)
            for cidr in addresses:
                names = after[cidr].names if cidr in after else ()
                after[cidr] = Exposure(masquerade, tuple(dict.fromkeys([*names, *([name] if name else [])])))
            try:
                await self._store.change(exposed=after)
                await self._overlay.check()
            except HostError:
                with suppress(HostError):
                    await self._store.change(exposed=before)
                    await self._overlay.hide([cidr for cidr in after if cidr not in before])
                raise

    async def hide(self, addresses: Collection[str]) -> None:
        """Take the host off the network again, and forget.

        Args:
            addresses: in CIDR notation; absent ones are no matter.

        Raises:
            HostError: the kernel refused, or it can't be remembered; all is as before.
        """
        async with self._lock:
            before = self._store.state.exposed
            self._leaving = frozenset(addresses)
            try:
                await self._store.change(exposed=_without(before, addresses))
                await self._overlay.hide(addresses)
            except HostError:
                with suppress(HostError):
                    await self._store.change(exposed=before)
                raise
            finally:
                self._leaving = frozenset()

    async def drop_hidden(self, present: Collection[str]) -> None:
        """Forget what the bridge, which is still the one of the last router, does not have any more.

        Args:
            present: its addresses in CIDR notation.
        """
        gone = [cidr for cidr in self._store.state.exposed if cidr not in present]
        if gone:
            logger.info("hidden while no router ran: %s", ", ".join(gone))
            await self._store.change(exposed=_without(self._store.state.exposed, gone))

    async def adopt(self, found: Mapping[str, bool]) -> None:
        """Remember what is exposed, and was not by us."""
        known = self._store.state.exposed
        # A check that is just under way may still have seen what is being hidden.
        others = {*found} - {*known} - self._leaving
        new = {cidr: Exposure(found[cidr]) for cidr in found if cidr in others}
        if new:
            logger.info("exposed by others, kept from now on: %s", ", ".join(new))
            try:
                await self._store.change(exposed={**known, **new})
            except WeaveError as error:
                logger.error("%s", error)


def _without(exposed: Mapping[str, Exposure], addresses: Collection[str]) -> dict[str, Exposure]:
    return {cidr: each for cidr, each in exposed.items() if cidr not in addresses}
