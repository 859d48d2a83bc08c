"""Queries that are not ours to answer, passed on to the host's name servers.

A query goes as it came, with another number; so does the answer. It is asked over UDP, and over TCP when the answer
does not fit. The servers are asked one after the other, the next one when the one before failed, or has been silent for
a while, and the first good answer counts.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable
from contextlib import suppress

from weave_http.addresses import IP
from weave_http.router.names.answers import Query

PORT = 53
MOST_QUERIES = 512
"""Queries under way at once; more of them are refused at once."""
PATIENCE = 1.0
"""Seconds after which the next server is asked as well."""
_LARGEST_REPLY = 65535
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_HEADER = 12
_TRUNCATED = 0x02
_FAILED = frozenset({2, 4, 5})
"""SERVFAIL, NOTIMP and REFUSED: another server may know better."""


class NoAnswer(Exception):
    """No server gave a good answer in time."""


class Upstream:
    """The other servers.

    Args:
        servers: returns their addresses, best first.
        timeout: seconds for a query in all.
        port: on which they listen.
    """

    def __init__(self, servers: Callable[[], list[IP]], timeout: float, *, port: int = PORT) -> None:
        self._servers = servers
        self._timeout = timeout
        self._port = port
        self._under_way = 0
        self._good: IP | None = None

    async def ask(self, query: Query) -> bytes:
        """Return the reply of the first server that gives a good one, with the query's number.

        Raises:
            NoAnswer: none did in time, or too many queries are under way.
        """
        servers = self._servers()
        if self._good is not None and self._good in servers:  # one that is dead need not be waited for again and again
            servers = [self._good, *(server for server in servers if server != self._good)]
        if not servers or self._under_way >= MOST_QUERIES:
            raise NoAnswer
        self._under_way += 1
        tasks: dict[asyncio.Task[bytes], IP] = {}
        try:
            async with asyncio.timeout(self._timeout):
                for server in servers:
                    tasks[asyncio.create_task(self._exchange(query, server))] = server
                    last = len(tasks) == len(servers)
                    reply = await self._first_good(tasks, None if last else PATIENCE)
                    if reply is not None:
                        return reply
        except TimeoutError:
            pass
        finally:
            self._under_way -= 1
            for task in tasks:
                task.cancel()
        raise NoAnswer

    async def _first_good(self, tasks: dict[asyncio.Task[bytes], IP], patience: float | None) -> bytes | None:
        """Return the first reply of those that are asked, None when all failed or after some seconds."""
        pending = {task for task in tasks if not task.done()}
        deadline = None if patience is None else asyncio.get_running_loop().time() + patience
        while pending:
            left = None if deadline is None else deadline - asyncio.get_running_loop().time()
            done, pending = await asyncio.wait(pending, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                return None
            for task in done:
                with suppress(OSError, NoAnswer):
                    reply = task.result()
                    self._good = tasks[task]
                    return reply
        return None

    async def _exchange(self, query: Query, server: IP) -> bytes:
        """Ask one server. Raises `OSError` or `NoAnswer`."""
        number = secrets.token_bytes(2)
        data = number + query.data[2:]
        reply = await self._by_udp(data, server)
        if reply[2] & _TRUNCATED:
            with suppress(OSError, NoAnswer, asyncio.IncompleteReadError):
                reply = await self._by_tcp(data, server)
        if reply[3] & 0x0F in _FAILED:
            raise NoAnswer
        return query.data[:2] + reply[2:]

    async def _by_udp(self, data: bytes, server: IP) -> bytes:
        loop = asyncio.get_running_loop()
        with socket.socket(_FAMILIES[server.version], socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.connect((str(server), self._port))  # a port of its own, and no one else's answers
            await loop.sock_sendall(sock, data)
            while True:
                reply = await loop.sock_recv(sock, _LARGEST_REPLY)
                if is_reply(data, reply):
                    return reply

    async def _by_tcp(self, data: bytes, server: IP) -> bytes:
        reader, writer = await asyncio.open_connection(str(server), self._port)
        try:
            writer.write(len(data).to_bytes(2, "big") + data)
            size = int.from_bytes(await reader.readexactly(2), "big")
            reply = await reader.readexactly(size)
        finally:
            writer.transport.abort()
        if not is_reply(data, reply):
            raise NoAnswer
        return reply


def is_reply(query: bytes, reply: bytes) -> bool:
    """Return whether a message is a reply to a query: its number, its opcode, and its question, if it repeats one."""
    if len(reply) < _HEADER or reply[:2] != query[:2] or not reply[2] & 0x80 or (reply[2] ^ query[2]) & 0x78:
        return False
    end = _HEADER
    while end < len(query) and query[end]:
        end += query[end] + 1
    question = slice(_HEADER, end + 5)
    return reply[4:6] == b"\0\0" or reply[question].lower() == query[question].lower()
