"""Asks over the network who has an address, from the bridge: by ARP, and by Neighbor Solicitations of IPv6.

The sender has no address, as a host that looks whether one is free. Of IPv4 every Linux answers that for any address of
its own, whichever interface the question comes in at: a peer answers for its address on the underlay. Of IPv6 it does
so for the addresses of that interface alone. The frame may be as long as the network's MTU: the rest is padding.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Collection

from weave_http import constants
from weave_http.addresses import IP
from weave_http.errors import HostError
from weave_http.net import links, neighbour
from weave_http.net.netlink import Netlink
from weave_http.records import dataclass

LEAST_SIZE = neighbour.LEAST_QUESTION[4]
"""Bytes of a question of IPv4 without padding."""
_ALL = 0x0003
"""ETH_P_ALL: questions of both kinds, and their answers."""
_HEAD = 128
"""Bytes of a frame that an answer takes."""


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
        addresses: all are asked for at once.
        size: bytes of each question as the network carries it; one that can't be so small has no padding.
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
            sock.bind((constants.BRIDGE, _ALL))
            for address in addresses:
                sent[address] = time.monotonic()
                sock.send(neighbour.question(bridge.mac, address, size))
            deadline = time.monotonic() + seconds
            while len(found) < len(sent) and (left := deadline - time.monotonic()) > 0:
                if not select.select([sock], [], [], left)[0]:
                    break
                answer = neighbour.answered(sock.recv(_HEAD))
                if answer is not None and answer[0] in sent:
                    ip, mac = answer
                    found.setdefault(ip, Answer(mac, time.monotonic() - sent[ip]))
    except OSError as error:
        raise HostError(f"can't ask on {constants.BRIDGE}: {error.strerror or error}") from error
    return found
