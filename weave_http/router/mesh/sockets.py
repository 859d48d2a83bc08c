"""TCP sockets as routers use them."""

from __future__ import annotations

import asyncio
import errno
import os
import socket

from weave_http.errors import HostError
from weave_http.router.mesh.topology import Address

ANY = "0.0.0.0"  # noqa: S104
DIAL_TIMEOUT = 5.0
"""Seconds for TCP's handshake."""
DEAD_AFTER = 15.0
"""Seconds of silence, or of not taking what is sent, after which a peer is dead."""
_BACKLOG = 128


def listen(host: str, port: int) -> socket.socket:
    """Return a listening, non-blocking socket.

    Args:
        host: IPv4 address of this host, `ANY` for all.
        port: TCP port.

    Raises:
        HostError: the port is taken, or the address is another host's.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setblocking(False)
        sock.bind((host, port))
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            hint = "another router runs there; choose another port with WEAVE_PORT"
            raise HostError(f"TCP port {port} is taken on this host", hint=hint) from error
        raise HostError(f"can't listen on {host}:{port}: {reason(error)}") from error
    return sock


async def dial(address: Address, source: str) -> socket.socket:
    """Return a connected, non-blocking socket.

    Args:
        address: where to.
        source: IPv4 address to come from, `ANY` to leave that to the routes.

    Raises:
        OSError: no connection came about in time.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if source != ANY:
            sock.bind((source, 0))
        async with asyncio.timeout(DIAL_TIMEOUT):
            await asyncio.get_running_loop().sock_connect(sock, (address.ip, address.port))
    except BaseException:
        sock.close()
        raise
    return sock


def set_patience(sock: socket.socket) -> None:
    """Have TCP itself notice a peer that is gone in about the time that our heartbeats take."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        (socket.TCP_KEEPIDLE, 5),
        (socket.TCP_KEEPINTVL, 5),
        (socket.TCP_KEEPCNT, 3),
        (socket.TCP_USER_TIMEOUT, int(DEAD_AFTER * 1000)),
    ):
        sock.setsockopt(socket.IPPROTO_TCP, option, value)


def reason(error: OSError) -> str:
    """Return why a system call failed, in lower case: asyncio puts words of its own where the system's would be."""
    if error.errno:
        return os.strerror(error.errno).lower()
    return "timed out" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
