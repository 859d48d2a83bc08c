"""What crosses a LAN, searched for what must not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress

from weave_http.records import dataclass, field
from weave_http.sandbox.podman import PORT as PODMAN

_ALL = 0x0300
"""ETH_P_ALL, as a packet socket takes it."""
_FORCED = 33
"""SO_RCVBUFFORCE: a larger buffer than the system's limit."""
_BUFFER = 64 << 20


@dataclass
class Searched:
    """What came of it.

    Attributes:
        frames: how many there were.
        found: what of that which was looked for was in them.
        udp: source and target port of each packet of UDP over IPv4.
    """

    frames: int = 0
    found: set[bytes] = field(default_factory=set)
    udp: set[tuple[int, int]] = field(default_factory=set)

    @property
    def ports(self) -> set[int]:
        """Ports that UDP went to or came from."""
        return {port for pair in self.udp for port in pair}

    def look(self, frame: bytes, wanted: Collection[bytes]) -> None:
        """Look at a frame; not at what callers and a Podman say to each other, which know no TLS."""
        ports = int.from_bytes(frame[34:36]), int.from_bytes(frame[36:38])
        protocol = frame[23] if frame[12:14] == b"\x08\x00" else None
        if protocol == socket.IPPROTO_TCP and PODMAN in ports:
            return
        self.frames += 1
        self.found.update(each for each in wanted if each in frame)
        if protocol == socket.IPPROTO_UDP:
            self.udp.add(ports)


def listening() -> socket.socket:
    """Return a socket that hears all that crosses the links of this thread's namespace."""
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, _ALL)
    wire.setsockopt(socket.SOL_SOCKET, _FORCED, _BUFFER)
    wire.settimeout(0.1)
    return wire


@contextmanager
def searched(wire: socket.socket, wanted: Collection[bytes]) -> Iterator[Searched]:
    """Look at all that a socket hears, and close it.

    Args:
        wire: hears it (`listening`).
        wanted: what is looked for; more of it may come meanwhile.
    """
    result, over = Searched(), threading.Event()

    def watch() -> None:
        while not over.is_set():
            with suppress(TimeoutError):
                result.look(wire.recv(1 << 16), wanted)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield result
    finally:
        over.set()
        thread.join()
        wire.setblocking(False)
        with wire, suppress(BlockingIOError):
            while True:  # what crossed it before that, and was not read
                result.look(wire.recv(1 << 16), wanted)
