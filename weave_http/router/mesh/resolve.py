"""Resolves a peer's host name to its addresses."""

from __future__ import annotations

import socket

from weave_http.addresses import PeerAddress, is_ip, parse_ipv4
from weave_http.errors import HostError
from weave_http.router.blocking import in_thread
from weave_http.router.mesh.topology import Address


async def resolve(peer: PeerAddress, default_port: int) -> list[Address]:
    """Return the IPv4 addresses of a peer, at least one.

    Args:
        peer: as a person gave it.
        default_port: TCP port if none was given.

    Raises:
        UsageError: it is an address, but no IPv4 address.
        HostError: its name has no address.
    """
    host, port = peer.host, peer.port or default_port
    if is_ip(host):
        return [Address(parse_ipv4(host), port)]
    try:
        found = await in_thread(lambda: socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM))
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no such name"
        raise HostError(f"{host} does not resolve: {(reason or str(error)).lower()}") from error
    return sorted({Address(parse_ipv4(str(entry[4][0])), port) for entry in found})
