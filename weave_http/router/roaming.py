"""A host whose own address changes: connections from the old one are dead, and peers are dialled at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection

from weave_http.addresses import IP
from weave_http.errors import HostError
from weave_http.net.address_events import AddressEvents, own_addresses
from weave_http.router.blocking import in_thread

logger = logging.getLogger(__name__)

CALM = 0.1
"""Seconds for which changes are collected: an address mostly goes a moment before the next one comes."""


async def follow_addresses(changed: Callable[[Collection[IP]], None]) -> None:
    """Tell of each change of the host's addresses, until cancelled.

    Args:
        changed: called with all addresses that the host has.
    """
    loop = asyncio.get_running_loop()
    try:
        events = AddressEvents()
    except OSError as error:
        logger.warning("changes of this host's addresses are not heard of: %s", error.strerror)
        return
    with events:
        before = await _addresses()
        came = asyncio.Event()

        def hear() -> None:
            events.clear()  # at once: as long as anything is left there, the event loop comes round without a pause
            came.set()

        loop.add_reader(events.socket, hear)
        try:
            while True:
                await came.wait()
                await asyncio.sleep(CALM)
                came.clear()
                now = await _addresses()
                if now is not None and now != before:
                    before = now
                    changed(now)
        finally:
            loop.remove_reader(events.socket)


async def _addresses() -> set[IP] | None:
    try:
        return await in_thread(own_addresses)
    except HostError as error:
        logger.warning("can't look at this host's addresses: %s", error)
        return None
