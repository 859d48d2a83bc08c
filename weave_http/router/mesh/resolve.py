"""Targets as people spell them, and where they are."""

from __future__ import annotations

import re
import socket
from ipaddress import AddressValueError, IPv4Address

from weave_http.errors import HostError, UsageError
from weave_http.router.blocking import in_thread
from weave_http.router.mesh.topology import Address

_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9_.])?")
_NUMBERS = re.compile(r"[0-9.]+")


def parse_target(text: str, port: int) -> tuple[str, int]:
    """Return host and port of a target.

    Args:
        text: `HOST[:PORT]`; the host is a name or an IPv4 address.
        port: the port when none is given.

    Raises:
        UsageError: it is no such thing.
    """
    host, colon, digits = text.partition(":")
    if colon:
        port = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 5 else 0
    if not _HOST.fullmatch(host) or not 0 < port < 65536 or (_NUMBERS.fullmatch(host) and not _is_ip(host)):
        raise UsageError(f"invalid peer address {text!r}", hint="expected HOST[:PORT], with a name or an IPv4 address")
    return host, port


async def resolve(host: str, port: int) -> list[Address]:
    """Return the IPv4 addresses of a host, at least one.

    Raises:
        HostError: there are none.
    """
    if _is_ip(host):
        return [Address(host, port)]
    try:
        found = await in_thread(lambda: socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM))
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no such name"
        raise HostError(f"{host} does not resolve: {(reason or str(error)).lower()}") from error
    return sorted({Address(str(entry[4][0]), port) for entry in found})


def _is_ip(host: str) -> bool:
    try:
        IPv4Address(host)
    except AddressValueError:
        return False
    return True
