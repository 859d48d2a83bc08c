"""How bytes go between two routers: as they are, or through what a network with a password puts around them.

A router with a password speaks TLS, one without does not. The first byte tells them apart, so each can tell the other
what is wrong instead of taking it for noise. Neither ever does as the other does.
"""

from __future__ import annotations

import asyncio
import socket
from typing import NamedTuple, Protocol

from weave_http.addresses import IP
from weave_http.router.mesh import codec
from weave_http.router.mesh.handshake import Refusal, Refused
from weave_http.router.mesh.sockets import set_patience
from weave_http.router.mesh.topology import Address
from weave_http.router.mesh.wire import Closed

TLS_HANDSHAKE = 0x16
"""The first byte of a TLS record that opens a connection; our prelude begins with a letter."""
NO_PASSWORD_ALERT = bytes((0x15, 3, 3, 0, 2, 2, 49))
"""TLS's fatal alert `access_denied` (RFC 8446, 6.2): what a router without a password answers to one with one."""
_PARTING = 1.0
"""Seconds for the other side to take what it was told before the connection is cut."""


class Streams(NamedTuple):
    """Both directions of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Channel(Protocol):
    """What is put around the bytes of a connection."""

    async def open(self, sock: socket.socket, remote: Address, *, outbound: bool) -> Streams:
        """Return the streams of a connection to somebody who may speak the protocol.

        Args:
            sock: connected; it is closed when there is an exception.
            remote: the other end's address.
            outbound: whether we dialled.

        Raises:
            Refused: the other side may not be a peer, or does not take us as one.
            OSError, Closed, Malformed: it came to nothing.
        """
        ...

    def trusts(self, address: IP) -> bool:
        """Return whether data to a peer of an address may be in the clear, as far as we are concerned."""
        ...


class Plain:
    """No password: bytes go as they are."""

    async def open(self, sock: socket.socket, remote: Address, *, outbound: bool) -> Streams:
        """Return the streams of a connection; the other side is refused if it speaks TLS."""
        if not outbound and await first_byte(sock) == TLS_HANDSHAKE:
            await _part(sock, NO_PASSWORD_ALERT)
            raise Refused(Refusal.SECRET, "a password is set there, and none here")
        return await plain(sock)

    def trusts(self, address: IP) -> bool:
        """Return True: nothing is secret."""
        return True


async def plain(sock: socket.socket) -> Streams:
    """Return the streams of a connection as it is. Raises `OSError`; then it is closed."""
    try:
        set_patience(sock)
        return Streams(*await asyncio.open_connection(sock=sock, limit=codec.HANDSHAKE_LIMIT))
    except OSError:
        sock.close()
        raise


async def first_byte(sock: socket.socket) -> int:
    """Return the first byte that a connection brings, and leave it there.

    Raises:
        OSError, Closed: none came; the connection is closed.
    """
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()
    loop.add_reader(sock, lambda: None if readable.done() else readable.set_result(None))
    try:
        try:
            await readable
        finally:
            loop.remove_reader(sock)
        data = sock.recv(1, socket.MSG_PEEK)
        if not data:
            raise Closed("closed by the other side")
    except BaseException:
        sock.close()
        raise
    return data[0]


async def _part(sock: socket.socket, last_words: bytes) -> None:
    """Send something short, and close the connection when the other side has done so, or after a moment."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_PARTING):
            await loop.sock_sendall(sock, last_words)
            sock.shutdown(socket.SHUT_WR)
            while await loop.sock_recv(sock, codec.HANDSHAKE_LIMIT):
                pass  # or the kernel would reset the connection, and what was told might be lost
    except (TimeoutError, OSError):
        pass  # it is told the next time
    finally:
        sock.close()
