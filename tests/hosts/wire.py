"""What crosses the LAN of the hosts, searched for what must not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network

from tests.hosts.host import Host
from weave_http.net.netns import Namespace
from weave_http.sandbox.lan import LanPlan, netns_path

_ALL = 0x0300
"""ETH_P_ALL, as a packet socket takes it."""
_BUFFER = 16 << 20


class Searched:
    """What came of it.

    Attributes:
        frames: how many there were.
        found: what of that which was looked for was in them.
        udp: ports that UDP went to or came from.
    """

    def __init__(self) -> None:
        self.frames = 0
        self.found: set[bytes] = set()
        self.udp: set[int] = set()

    def look(self, frame: bytes, wanted: Iterable[bytes]) -> None:
        """Look at a frame."""
        self.frames += 1
        self.found.update(each for each in wanted if each in frame)
        if frame[12:14] == b"\x08\x00" and frame[23] == socket.IPPROTO_UDP:
            self.udp |= {int.from_bytes(frame[34:36]), int.from_bytes(frame[36:38])}


@contextmanager
def searched(host: Host, *wanted: bytes) -> Iterator[Searched]:
    """Look at all that crosses the cables of a host's LAN.

    Args:
        host: one on it.
        wanted: what is looked for.
    """
    result, over = Searched(), threading.Event()
    plan = LanPlan(host.sandbox.name, IPv4Network(host.sandbox.subnet))
    with Namespace(str(netns_path(plan.netns))) as space:
        wire = space.call(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, _ALL))
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    wire.settimeout(0.1)

    def watch() -> None:
        while not over.is_set():
            try:
                result.look(wire.recv(1 << 16), wanted)
            except TimeoutError:
                continue

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield result
    finally:
        over.set()
        thread.join()
        wire.close()
