"""How far other hosts' clocks are from this one's, by ICMP timestamps: the kernel of each answers by itself."""

from __future__ import annotations

import os
import select
import socket
import struct
import time
from collections.abc import Collection

from weave_http.addresses import IP, parse_ip
from weave_http.errors import HostError

_MESSAGE = struct.Struct("!BBHHHIII")
_REQUEST, _REPLY = 13, 14
_DAY = 86_400_000
"""Milliseconds; a timestamp counts them from midnight UTC."""
_SECONDS = 1.0
"""How long answers are waited for at most."""


def offsets(addresses: Collection[IP]) -> dict[IP, float]:
    """Return by how many seconds each clock is ahead of ours, from -12 hours to 12; who does not answer is left out.

    Args:
        addresses: of IPv4.

    Raises:
        HostError: the kernel refused.
    """
    number = os.getpid() & 0xFFFF
    found: dict[IP, float] = {}
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as sock:
            for address in addresses:
                sock.sendto(_request(number), (str(address), 0))
            deadline = time.monotonic() + _SECONDS
            while len(found) < len(addresses) and (left := deadline - time.monotonic()) > 0:
                if not select.select([sock], [], [], left)[0]:
                    break
                data, sender = sock.recvfrom(2048)
                offset = read(data[(data[0] & 0x0F) * 4 :], number, _now())
                address = parse_ip(sender[0])
                if offset is not None and address in addresses:
                    found[address] = offset
    except OSError as error:
        raise HostError(f"can't ask for the time of {len(addresses)} hosts: {error.strerror or error}") from error
    return found


def read(message: bytes, number: int, now: int) -> float | None:
    """Return by how many seconds the clock of who sent a reply is ahead of ours; None for another message.

    Args:
        message: ICMP.
        number: of our requests.
        now: when it came, in milliseconds since midnight UTC.
    """
    if len(message) < _MESSAGE.size:
        return None
    kind, _, _, identifier, _, sent, received, _ = _MESSAGE.unpack_from(message)
    if (kind, identifier) != (_REPLY, number):
        return None
    ours: float = sent + (now - sent) % _DAY / 2
    ahead: float = (received - ours + _DAY / 2) % _DAY - _DAY / 2
    return ahead / 1000


def _now() -> int:
    return int(time.time() * 1000) % _DAY


def _request(number: int) -> bytes:
    fields = (number, 1, _now(), 0, 0)
    return _MESSAGE.pack(_REQUEST, 0, _checksum(_MESSAGE.pack(_REQUEST, 0, 0, *fields)), *fields)


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
