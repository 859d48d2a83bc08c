"""TCP sockets as routers use them."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
import struct
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from weave_http.addresses import IP, endpoint
from weave_http.errors import HostError
from weave_http.router.mesh.loop_clock import LoopClock
from weave_http.router.mesh.topology import Address

ANY, ANY_6 = IPv4Address(0), IPv6Address(0)
DIAL_TIMEOUT = 5.0
"""Seconds for TCP's handshake."""
DEAD_AFTER = 15.0
"""Seconds of silence, or of not taking what is sent, after which a peer is dead."""
_BACKLOG = 128
_TCP_INFO = struct.Struct("8x 16I")
"""The beginning of the kernel's `struct tcp_info`."""
_UNACKED, _LAST_ACK_RECEIVED, _ROUND_TRIP = 4, 12, 15
"""Places in it: a count of segments, ms, and µs."""


class Unanswered(NamedTuple):
    """What was sent, and not acknowledged by the other side's kernel.

    Attributes:
        silent: seconds since it acknowledged anything.
        round_trip: seconds that it usually takes.
    """

    silent: float
    round_trip: float


def listen(host: IP, port: int) -> list[socket.socket]:
    """Return listening, non-blocking sockets: of both families, if the host has both and no address is chosen.

    Args:
        host: address of this host, `ANY` for all, `ANY_6` for all of IPv6.
        port: TCP port.

    Raises:
        HostError: the port is taken, or the address is another host's.
    """
    found = [_listen(host, port)]
    if host == ANY and has_ipv6():
        try:
            found.append(_listen(ANY_6, port))
        except HostError:
            found[0].close()
            raise
    return found


def has_ipv6() -> bool:
    """Tell whether this host has IPv6: neither its kernel nor its administrator has it off."""
    try:
        with _socket(ANY_6) as sock:
            sock.bind((str(ANY_6), 0))
    except OSError:
        return False
    return True


def _socket(ip: IP) -> socket.socket:
    """Return a TCP socket of an address's family. Raises `OSError`."""
    if ip.version == 4:
        return socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return sock


def _listen(host: IP, port: int) -> socket.socket:
    try:
        sock = _socket(host)
    except OSError as error:
        raise HostError(f"can't listen on {endpoint(host, port)}: {reason(error)}") from error
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setblocking(False)
        sock.bind((str(host), port))
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            hint = "another router runs there; choose another port with WEAVE_PORT"
            raise HostError(f"TCP port {port} is taken on this host", hint=hint) from error
        raise HostError(f"can't listen on {endpoint(host, port)}: {reason(error)}") from error
    return sock


async def dial(address: Address, source: IP, clock: LoopClock) -> socket.socket:
    """Return a connected, non-blocking socket.

    Args:
        address: where to.
        source: address to come from, `ANY` or `ANY_6` to leave that to the routes.
        clock: for the time limit.

    Raises:
        OSError: no connection came about in time.
        HostError: the source is of the other family.
    """
    if source != ANY and source.version != address.ip.version:
        raise HostError(
            f"this router uses {_shown(source)} alone (--host), and {address.ip} is of IPv{address.ip.version}"
        )
    sock = _socket(address.ip)
    try:
        sock.setblocking(False)
        if source not in (ANY, ANY_6):
            sock.bind((str(source), 0))
        async with clock.timeout(DIAL_TIMEOUT):
            await asyncio.get_running_loop().sock_connect(sock, (str(address.ip), address.port))
    except BaseException:
        sock.close()
        raise
    return sock


def _shown(source: IP) -> str:
    return "IPv6" if source == ANY_6 else str(source)


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


def unanswered(sock: socket.socket) -> Unanswered | None:
    """Return how long the other side's kernel has left unanswered what was sent on a TCP connection.

    A kernel answers whether or not the program behind it has time, so this tells a dead link from a busy peer.

    Returns:
        None when it has answered all, or where the system doesn't say.
    """
    try:
        data = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
    except OSError:
        return None
    if len(data) < _TCP_INFO.size:
        return None
    info = _TCP_INFO.unpack(data)
    if not info[_UNACKED]:
        return None
    return Unanswered(info[_LAST_ACK_RECEIVED] / 1e3, info[_ROUND_TRIP] / 1e6)


def is_own(ip: IP) -> bool:
    """Tell whether an address is one of this host's own: the kernel would send from it to itself. Sends nothing."""
    try:
        with socket.socket(socket.AF_INET if ip.version == 4 else socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.connect((str(ip), 9))
            return ip.is_loopback or str(sock.getsockname()[0]) == str(ip)
    except OSError:
        return False


def unreached(address: Address, error: OSError) -> str:
    """Return why nobody was reached at an address, the likely cause, and what helps."""
    if isinstance(error, TimeoutError) or error.errno in (errno.ETIMEDOUT, errno.EHOSTUNREACH):
        what = "no answer" if isinstance(error, TimeoutError) else reason(error)
        return (
            f"{what} from TCP port {address.port}: the host is down, or a firewall drops it;"
            f" let TCP {address.port} and UDP {address.port + 1} through there"
        )
    if error.errno in (errno.ENETUNREACH, errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL) and address.ip.version == 6:
        return f"this host has no IPv6 that leads to {address.ip}: give both hosts addresses of one family"
    if error.errno == errno.ECONNREFUSED:
        return f"connection refused: no router listens on TCP port {address.port} there, or a firewall rejects it"
    return reason(error)


def reason(error: OSError) -> str:
    """Return why a system call failed, in lower case: asyncio puts words of its own where the system's would be."""
    if isinstance(error, ssl.SSLError):
        return f"TLS: {(error.reason or 'failed').replace('_', ' ').lower()}"
    if error.errno:
        return os.strerror(error.errno).lower()
    return "timed out" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
