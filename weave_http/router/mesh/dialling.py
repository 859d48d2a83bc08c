"""Dials the targets that are due, with one connection for each."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from time import monotonic

from weave_http.errors import HostError, WeaveError
from weave_http.router.mesh.bucket import Quiet
from weave_http.router.mesh.fields import Malformed
from weave_http.router.mesh.handshake import Refusal, Refused
from weave_http.router.mesh.identity import Self
from weave_http.router.mesh.loop_clock import LoopClock
from weave_http.router.mesh.resolve import resolve
from weave_http.router.mesh.sockets import dial, unreached
from weave_http.router.mesh.table import Table
from weave_http.router.mesh.targets import Target, Targets
from weave_http.router.mesh.topology import Address
from weave_http.router.mesh.wire import Closed
from weave_http.router.tasks import Tasks

logger = logging.getLogger(__name__)

RESOLVE_AGAIN = 30.0
"""Seconds after which it is looked whether the names of connected targets lead elsewhere now."""
LEAST_WAIT = 0.02
"""Seconds from one look at the targets to the next."""


class Dialler:
    """Dials what is due.

    Args:
        me: who we are.
        targets: whom to dial.
        table: whom there is a connection to.
        clock: for time limits.
        tasks: what is under way.
        converse: takes a connected socket, its address and the target, and returns when the connection has ended.
    """

    def __init__(
        self,
        me: Self,
        targets: Targets,
        table: Table,
        clock: LoopClock,
        tasks: Tasks,
        converse: Callable[[socket.socket, Address, Target], Awaitable[None]],
    ) -> None:
        self._me = me
        self._targets = targets
        self._table = table
        self._clock = clock
        self._tasks = tasks
        self._converse = converse
        self._look = asyncio.Event()
        self._quiet = Quiet()

    def look(self) -> None:
        """Look anew at what is due."""
        self._look.set()

    async def run(self) -> None:
        """Dial until cancelled."""
        while True:
            now = self._clock.now()
            for target in self._targets.due(self._table.established, now):
                self._tasks.start(self._dial(target))
            next_at = self._targets.next_at(self._table.established, now)
            try:
                async with asyncio.timeout(None if next_at is None else max(LEAST_WAIT, next_at - now)):
                    await self._look.wait()
            except TimeoutError:
                pass
            self._look.clear()

    async def follow_names(self) -> None:
        """Dial targets anew whose name leads elsewhere than to the peer that is connected; until cancelled."""
        while True:
            await asyncio.sleep(RESOLVE_AGAIN)
            for target in self._targets.named(self._table.established):
                try:
                    found = await resolve(target.where, self._me.port)
                except WeaveError:
                    continue  # a name server that doesn't answer is no reason to leave a peer
                if target.resolved not in found:
                    places = ", ".join(map(str, found))
                    logger.info("%s is %s now; it was %s", target.address, places, target.resolved)
                    self._targets.moved(target, self._clock.now())
                    self._look.set()

    async def _dial(self, target: Target) -> None:
        lasting, answered, level = False, False, logging.INFO
        try:
            error = await self._try(target)
        except Refused as refused:
            error, lasting, answered = refused.reason, refused.code.lasting, True
            if refused.code is Refusal.DUPLICATE:  # of two routers that dial each other at once, one is always refused
                target.peer, level = refused.peer or target.peer, logging.DEBUG
        except (Closed, Malformed, WeaveError) as failure:
            error = str(failure)
        if error:
            if error != target.error:
                more = self._quiet.let("given" if target.given else "learnt", monotonic())
                if more is not None:
                    logger.log(level, "->[%s] %s%s", target.place, error, more)
            self._targets.failed(target, error, self._clock.now(), lasting=lasting, answered=answered)
        self._look.set()

    async def _try(self, target: Target) -> str:
        """Dial a target and stay until the connection ends; return why there was none, or nothing."""
        error = ""
        for address in await resolve(target.where, self._me.port):
            target.resolved = address
            peer = self._table.peer_at(address)
            if peer:
                self._targets.reached(target, peer)
                return ""
            try:
                sock = await dial(address, self._me.host, self._clock)
            except OSError as failure:
                error = unreached(address, failure)
                continue
            except HostError as failure:
                error = str(failure)
                continue
            await self._converse(sock, address, target)
            return ""
        return error
