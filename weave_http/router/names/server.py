"""The DNS server's sockets: UDP and TCP on one address.

Many a query is answered in one go, without asyncio between: as many as are there, but not so many that the router's
other work waits. Over TCP a client gets a limited time, few connections of its own, and only so many clients are served
at once. Strangers get no answer at all.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from contextlib import ExitStack, suppress

from weave_http.addresses import IP
from weave_http.router.names.answers import Answerer, Query, cut, parse, refuse
from weave_http.router.names.clients import Anybody, Clients
from weave_http.router.names.upstream import NoAnswer, Upstream
from weave_http.router.tasks import Tasks

BATCH = 32
"""Queries that are answered before others get their turn."""
MOST_CONNECTIONS = 256
"""TCP connections at once."""
MOST_OF_ONE = 16
"""TCP connections of one address at once."""
IDLE = 10.0
"""Seconds that a TCP client may take for a query, or to take its answer."""
_LARGEST_MESSAGE = 65535
_BACKLOG = 64
_RECEIVE_BUFFER = 1 << 20
_IP_FREEBIND = 15
"""Of linux/in.h; the library names it from Python 3.14 on."""


class Server:
    """The server.

    Args:
        answerer: answers what is local.
        upstream: answers the rest.
        clients: tells who may ask.
    """

    def __init__(self, answerer: Answerer, upstream: Upstream, clients: Clients | None = None) -> None:
        self._answerer = answerer
        self._upstream = upstream
        self._udp: socket.socket | None = None
        self._tcp: asyncio.Server | None = None
        self._tasks = Tasks("a query")
        self._clients = clients or Anybody()
        self._connections: Counter[str] = Counter()
        self.queries: Counter[str] = Counter()
        """How many were answered from `local` names, by an `upstream` server, or by no server (`failed`)."""

    async def start(self, host: IP, port: int, *, ahead: bool = False) -> int:
        """Begin to listen; return the port.

        Args:
            host: address of this host.
            port: UDP and TCP port, 0 for any.
            ahead: also when the host does not have the address yet.

        Raises:
            OSError: one of them is taken, or the address is no one of ours.
        """
        family = socket.AF_INET if host.version == 4 else socket.AF_INET6
        with ExitStack() as on_failure:
            udp = on_failure.enter_context(socket.socket(family, socket.SOCK_DGRAM))
            tcp = on_failure.enter_context(socket.socket(family, socket.SOCK_STREAM))
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            for sock in (udp, tcp):
                sock.setblocking(False)
                sock.setsockopt(socket.SOL_IP, _IP_FREEBIND, ahead)
                sock.bind((str(host), port))
                port = sock.getsockname()[1]
            self._tcp = await asyncio.start_server(self._serve, sock=tcp, backlog=_BACKLOG, limit=_LARGEST_MESSAGE + 2)
            on_failure.pop_all()
        self._udp = udp
        asyncio.get_running_loop().add_reader(udp, self._readable, udp)
        return port

    async def stop(self) -> None:
        """Stop listening. Idempotent."""
        if self._udp is not None:
            asyncio.get_running_loop().remove_reader(self._udp)
            self._udp.close()
            self._udp = None
        if self._tcp is not None:
            self._tcp.close()
            self._tcp = None
        await self._tasks.stop()

    # -- UDP -----------------------------------------------------------------------------------------------

    def _readable(self, udp: socket.socket) -> None:
        for _ in range(BATCH):
            try:
                data, client = udp.recvfrom(_LARGEST_MESSAGE)
            except OSError:  # nothing more; or an earlier answer found nobody
                return
            ours = self._clients.may_ask(client[0])
            if ours:
                self._answer(udp, data, client)
            elif ours is None:
                self._tasks.start(self._answer_if_ours(udp, data, client))

    async def _answer_if_ours(self, udp: socket.socket, data: bytes, client: tuple[str, int]) -> None:
        if await self._clients.look(client[0]):
            self._answer(udp, data, client)

    def _answer(self, udp: socket.socket, data: bytes, client: tuple[str, int]) -> None:
        query = parse(data)
        reply = self._from_names(query, query.size) if isinstance(query, Query) else query
        if reply is not None:
            _send(udp, reply, client)
        elif isinstance(query, Query):
            self._tasks.start(self._pass_on(udp, query, client))

    async def _pass_on(self, udp: socket.socket, query: Query, client: tuple[str, int]) -> None:
        reply = await self._ask(query)
        _send(udp, reply if len(reply) <= query.size else cut(query), client)

    async def _ask(self, query: Query) -> bytes:
        try:
            reply = await self._upstream.ask(query)
        except NoAnswer:
            self.queries["failed"] += 1
            return refuse(query)
        self.queries["upstream"] += 1
        return reply

    def _from_names(self, query: Query, size: int) -> bytes | None:
        reply = self._answerer.answer(query, size)
        self.queries["local"] += reply is not None
        return reply

    # -- TCP -----------------------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.take(task)
        name = writer.get_extra_info("peername")
        client = name[0] if name else ""
        self._connections[client] += 1
        try:
            with suppress(TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                if await self._is_welcome(client):
                    await self._converse(reader, writer)
        finally:
            self._connections[client] -= 1
            if not self._connections[client]:
                del self._connections[client]
            writer.close()

    async def _is_welcome(self, client: str) -> bool:
        if not client or self._connections[client] > MOST_OF_ONE or self._connections.total() > MOST_CONNECTIONS:
            return False
        known = self._clients.may_ask(client)
        return await self._clients.look(client) if known is None else known

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            async with asyncio.timeout(IDLE):
                size = int.from_bytes(await reader.readexactly(2), "big")
                query = parse(await reader.readexactly(size))
            if query is None:
                return
            reply = query
            if isinstance(query, Query):
                reply = self._from_names(query, _LARGEST_MESSAGE) or await self._ask(query)
            assert isinstance(reply, bytes)
            writer.write(len(reply).to_bytes(2, "big") + reply)
            async with asyncio.timeout(IDLE):
                await writer.drain()


def _send(udp: socket.socket, reply: bytes, client: tuple[str, int]) -> None:
    with suppress(OSError):  # no room just now, or the client is gone: it asks again, or it doesn't
        udp.sendto(reply, client)
