"""Asks over the network who has an address, by ARP from the bridge.

The sender's address is 0.0.0.0, as of a host that looks whether an address is free: every Linux answers that for any
address of its own, whichever interface the question comes in at. So the host needs no address on the network, and a
peer answers for its address on the underlay. The frame may be as long as the network's MTU: what follows is padding.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Collection
from dataclasses import dataclass

from weave_http import constants
from weave_http.addresses import IP, parse_ip
from weave_http.errors import HostError
from weave_http.net import links, neighbour
from weave_http.net.netlink import Netlink

LEAST_SIZE = 28
"""Bytes of a question without padding."""
_ETHERNET, _ETH_P_ARP = 14, 0x0806
_REPLY = b"\x00\x02"
_UNSPECIFIED = bytes(4)


@dataclass(frozen=True, slots=True)
class Answer:
    """Who has an address.

    Args:
        mac: of the interface that answered.
        seconds: from question to answer.
    """

    mac: str
    seconds: float


def ask(addresses: Collection[IP], *, size: int = LEAST_SIZE, seconds: float = 1.0) -> dict[IP, Answer]:
    """Return the answers that came in time.

    Args:
        addresses: of IPv4; all are asked for at once.
        size: bytes of each question as the network carries it.
        seconds: how long to wait at most.

    Raises:
        HostError: there is no bridge, or the kernel does not take the frame.
    """
    with Netlink() as kernel:
        bridge = links.get_link(kernel, constants.BRIDGE)
    if bridge is None:
        raise HostError(f"there is no bridge {constants.BRIDGE}", hint="make it: weave launch")
    sent: dict[IP, float] = {}
    found: dict[IP, Answer] = {}
    try:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sock:
            sock.bind((constants.BRIDGE, _ETH_P_ARP))
            for address in addresses:
                sent[address] = time.monotonic()
                sock.send(_question(bridge.mac, address).ljust(_ETHERNET + size, b"\0"))
            deadline = time.monotonic() + seconds
            while len(found) < len(sent) and (left := deadline - time.monotonic()) > 0:
                if not select.select([sock], [], [], left)[0]:
                    break
                frame = sock.recv(_ETHERNET + LEAST_SIZE)
                if frame[20:22] == _REPLY and (ip := parse_ip(socket.inet_ntoa(frame[28:32]))) in sent:
                    found.setdefault(ip, Answer(frame[22:28].hex(":"), time.monotonic() - sent[ip]))
    except OSError as error:
        raise HostError(f"can't ask on {constants.BRIDGE}: {error.strerror or error}") from error
    return found


def _question(mac: str, address: IP) -> bytes:
    """Return the frame that asks who has an address, of a sender without one."""
    frame = neighbour.frame(mac, address)
    return frame[:28] + _UNSPECIFIED + frame[32:]
