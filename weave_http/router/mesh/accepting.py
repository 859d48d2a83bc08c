"""Accepts connections, with limits on handshakes at once and on new connections in a time."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial
from time import monotonic

from weave_http.addresses import Network, parse_ip
from weave_http.errors import UsageError
from weave_http.router.mesh.bucket import Quiet, TokenBucket, origin
from weave_http.router.mesh.connections import Connection
from weave_http.router.mesh.fields import Malformed
from weave_http.router.mesh.handshake import Refusal, Refused
from weave_http.router.mesh.topology import Address
from weave_http.router.mesh.wire import Closed
from weave_http.router.tasks import Tasks

logger = logging.getLogger(__name__)

MOST_HANDSHAKES = 64
"""Handshakes under way at once; who comes after them waits in the kernel's queue."""
MOST_FROM_ONE = 16
"""Of these, from one address."""
HURRY = 3.0
"""Seconds for a handshake while more than half of those are under way: strangers who are silent must not fill them."""
TURNED_AWAY, TURNED_AWAY_INTERVAL = 100, 0.002
"""Who is turned away at the door, of a crowd from one address: so many at once, and then one in so many seconds."""


class Acceptor:
    """Lets strangers in.

    Args:
        socks: they listen.
        tasks: what is under way.
        meet: shakes hands on a connected socket.
        keep: keeps a connection going to its end.
    """

    def __init__(
        self,
        socks: Sequence[socket.socket],
        tasks: Tasks,
        meet: Callable[[socket.socket, Address], AbstractAsyncContextManager[Connection]],
        keep: Callable[[Connection], Awaitable[None]],
    ) -> None:
        self._sockets = socks
        self._tasks = tasks
        self._meet = meet
        self._keep = keep
        self._slots = asyncio.Semaphore(MOST_HANDSHAKES)
        self._under_way: Counter[Network] = Counter()
        self._quiet = Quiet()
        self._new: set[socket.socket] = set()

    async def run(self) -> None:
        """Accept until cancelled."""
        bucket, crowd = TokenBucket(), TokenBucket(TURNED_AWAY, TURNED_AWAY_INTERVAL)
        await asyncio.gather(*(self._accept(sock, bucket, crowd) for sock in self._sockets))

    async def _accept(self, listening: socket.socket, bucket: TokenBucket, crowd: TokenBucket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            async with self._slots:
                pass  # there is room again
            await asyncio.sleep(bucket.take(monotonic()))
            try:
                sock, (ip, port, *_) = await loop.sock_accept(listening)
            except OSError as error:
                logger.warning("can't accept connections: %s", error.strerror)
                await asyncio.sleep(1.0)
                continue
            try:
                remote = Address(parse_ip(ip), port)
            except UsageError:  # a link-local address, which others could not dial
                sock.close()
                continue
            if self._under_way[origin(remote.ip)] >= MOST_FROM_ONE:
                sock.close()
                self._say(logging.INFO, "crowd", remote, f"more than {MOST_FROM_ONE} handshakes from there at once")
                bucket.give_back()  # a crowd must not keep others waiting
                await asyncio.sleep(crowd.take(monotonic()))
                continue
            await self._slots.acquire()
            self._new.add(sock)
            task = loop.create_task(self._serve(sock, remote))
            task.add_done_callback(partial(self._close_new, sock))
            self._tasks.take(task)

    def _close_new(self, sock: socket.socket, _: asyncio.Task[None]) -> None:
        """Close a socket whose task was cancelled before it began: nobody else would."""
        if sock in self._new:
            self._new.discard(sock)
            sock.close()

    async def _serve(self, sock: socket.socket, remote: Address) -> None:
        self._new.discard(sock)
        self._under_way[origin(remote.ip)] += 1
        crowded = 2 * self._under_way.total() > MOST_HANDSHAKES
        try:
            async with AsyncExitStack() as stack:
                try:
                    async with asyncio.timeout(HURRY if crowded else None):
                        connection = await stack.enter_async_context(self._meet(sock, remote))
                except TimeoutError as error:
                    raise Closed(f"no handshake within {HURRY:.0f} s, and many are under way") from error
                finally:
                    self._slots.release()
                    self._under_way[origin(remote.ip)] -= 1
                    self._under_way += Counter()  # drops what is zero
                await self._keep(connection)
        except Refused as refused:
            # Of two routers that dial each other at once, one is always refused.
            level = logging.DEBUG if refused.code is Refusal.DUPLICATE else logging.INFO
            self._say(level, refused.code, remote, f"refused: {refused.reason}")
        except (Closed, Malformed) as failure:
            self._say(logging.INFO, type(failure).__name__, remote, str(failure))

    def _say(self, level: int, kind: str, remote: Address, what: str) -> None:
        more = self._quiet.let(kind, monotonic()) if logger.isEnabledFor(level) else None
        if more is not None:
            logger.log(level, "<-[%s] %s%s", remote, what, more)
