"""Has the engine make the further networks that other hosts have made, and remove those that were removed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial

from weave_http.engine import Engine, local_engine
from weave_http.engine.errors import APIError, NotFound
from weave_http.errors import WeaveError
from weave_http.router.blocking import in_thread
from weave_http.router.engine import engine_socket
from weave_http.router.plugin.catalogue import Catalogue
from weave_http.router.plugin.descriptions import body_of
from weave_http.router.plugin.registry import Record

logger = logging.getLogger(__name__)

RETRY = 5.0
"""Seconds after which something that could not be done is tried again: nobody says when a network is used no more."""
_NAMED = 5


class Keeper:
    """Follows what all hosts know.

    Args:
        catalogue: says what there is to do.
        leaving: tells whether this host leaves: then there is nothing to do any more.
    """

    def __init__(self, catalogue: Catalogue, leaving: Callable[[], bool]) -> None:
        self._catalogue = catalogue
        self._leaving = leaving

    async def run(self) -> None:
        """Do what there is to do, until cancelled."""
        catalogue = self._catalogue
        while True:
            catalogue.due.clear()
            try:
                await catalogue.learn()
                await catalogue.number()
                await self._follow()
            except (WeaveError, OSError) as error:
                logger.warning("further networks: %s", error)
            retry = catalogue.missing or catalogue.surplus
            with suppress(TimeoutError):
                async with asyncio.timeout(RETRY if retry else None):
                    await catalogue.due.wait()

    async def _follow(self) -> None:
        missing, surplus = self._catalogue.missing, self._catalogue.surplus
        troubles = {}
        if (missing or surplus) and not self._leaving():
            troubles = await in_thread(partial(follow, missing, surplus))
        for name, trouble in troubles.items():
            if self._catalogue.troubles.get(name) != trouble:
                logger.warning("network %s: %s", name, trouble)
        self._catalogue.troubles = troubles


def follow(missing: Sequence[Record], surplus: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """Have the engine make and remove networks. Blocking.

    Args:
        missing: what it has to make.
        surplus: what it has to remove if no container is on it: names by id, and why.

    Returns:
        why it did not, by the network's name.

    Raises:
        EngineError: it can't be asked.
    """
    troubles = {}
    with local_engine(engine_socket()) as engine:
        for network, (name, why) in surplus.items():
            try:
                if on_it := users(engine, network, name):
                    shown = ", ".join(on_it[:_NAMED]) + (f" and {len(on_it) - _NAMED} more" if on_it[_NAMED:] else "")
                    troubles[name] = f"{why}; this one stays as long as containers are on it: {shown}"
                    continue
                engine.networks.remove(network)
                logger.info("removed the network %s of this host: %s", name, why)
            except NotFound:
                continue
            except APIError as error:
                troubles[name] = str(error)
        for record in missing:
            try:
                engine.networks.create(body_of(record))
                logger.info("made the network %s, as another host has: %s", record.name, record.design)
            except APIError as error:
                troubles[record.name] = str(error)
    return troubles


def users(engine: Engine, network: str, name: str) -> list[str]:
    """Return the names of the containers that are on a network, or will be when they start. Raises `EngineError`.

    Args:
        engine: of this host.
        network: id of the network.
        name: of the network, by which a container has it that never ran.
    """
    found = []
    for container in engine.containers.list(all=True):
        settings = (container.get("NetworkSettings") or {}).get("Networks") or {}
        on_it = [each.get("NetworkID") or (network if key == name else "") for key, each in settings.items()]
        if network in on_it:
            found.append(str((container.get("Names") or [container["Id"][:12]])[0]).removeprefix("/"))
    return sorted(found)
