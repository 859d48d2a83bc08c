"""Resolves a peer's host name to its addresses."""

from __future__ import annotations

import socket

from weave_http.addresses import PeerAddress, is_ip, parse_ip
from weave_http.errors import HostError
from weave_http.router.blocking import in_thread
from weave_http.router.mesh.topology import Address


async def resolve(peer: PeerAddress, default_port: int) -> list[Address]:
    """Return the addresses of a peer, at least one, those of IPv4 first: VXLAN over IPv4 leaves larger packets room.

    Args:
        peer: as a person gave it.
        default_port: TCP port if none was given.

    Raises:
        HostError: its name has no address.
    """
    host, port = peer.host, peer.port or default_port
    if is_ip(host):
        return [Address(parse_ip(host), port)]
    try:
        found = await in_thread(lambda: socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM))
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no such name"
        raise HostError(f"{host} does not resolve: {(reason or str(error)).lower()}") from error
    # One with a zone is no other host's for everybody.
    addresses = {Address(ip, port) for entry in found if (ip := parse_ip(str(entry[4][0]).partition("%")[0]))}
    there = sorted(address for address in addresses if not address.ip.is_link_local)
    if not there:
        raise HostError(f"{host} does not resolve: it has link-local addresses alone")
    return there
