"""The sockets that probes leave by and come in by."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress

from weave_http.addresses import IP
from weave_http.net.links import index_of
from weave_http.net.relays import is_virtual
from weave_http.router.mesh.identity import PeerName
from weave_http.router.paths import frame
from weave_http.router.paths.frame import ETHERTYPE, Probe

_MTU_DISCOVER = {4: (socket.IPPROTO_IP, 10), 6: (socket.IPPROTO_IPV6, 23)}
_DO, _PROBE = 2, 3
"""Linux's IP_MTU_DISCOVER and IPV6_MTU_DISCOVER: never cut a packet, IP_PMTUDISC_PROBE moreover whatever is believed of
the path. That one looks at the link of the route, which is no real one for an address that stands for a host."""
_AT_ONCE = 256
_LONGEST = 1 << 16


def send(probes: Iterable[tuple[IP, Probe]], port: int, source: IP | None = None) -> None:
    """Send probes, as the kernel sends frames in VXLAN; those that can't be sent are lost.

    Each time it is from another port, as frames are: what lies between may have decided on those before.

    Args:
        probes: with the underlay addresses that they go to.
        port: UDP port for data.
        source: address of this host to send from; None to leave that to the routes.
    """
    found = list(probes)
    for version, family in ((4, socket.AF_INET), (6, socket.AF_INET6)):
        of_this = [(ip, probe) for ip, probe in found if ip.version == version]
        if of_this:
            with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as sock:
                if source is not None and source.version == version:
                    sock.bind((str(source), 0))
                _send(sock, of_this, port)


def _send(sock: socket.socket, probes: Iterable[tuple[IP, Probe]], port: int) -> None:
    sock.setblocking(False)
    set_to = None
    for ip, probe in probes:
        wanted = _DO if is_virtual(ip) else _PROBE
        if wanted != set_to:
            sock.setsockopt(*_MTU_DISCOVER[ip.version], wanted)
            set_to = wanted
        with suppress(OSError):
            sock.sendto(frame.pack(probe), (str(ip), port))


class Listener:
    """Where probes come in: on a VXLAN device, undone from their packets by the kernel.

    Args:
        device: its name.

    Raises:
        OSError: there is no such device, or this process may not listen there.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self.index = socket.if_nametoindex(device)
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
        try:
            self.socket.bind((device, ETHERTYPE))
        except OSError:
            self.socket.close()
            raise

    @property
    def is_stale(self) -> bool:
        """Whether the device is another one by now."""
        return index_of(self._device) != self.index

    def receive(self, me: PeerName) -> Iterator[Probe]:
        """Yield the probes for us that are there, up to a number, so that others have their turn."""
        for _ in range(_AT_ONCE):
            try:
                data = self.socket.recv(_LONGEST)
            except OSError:
                return
            probe = frame.parse(data)
            if probe is not None and probe.target == me:
                yield probe

    def close(self) -> None:
        """Listen no more."""
        self.socket.close()


def forwards() -> bool:
    """Return whether this host passes packets on."""
    try:
        with open("/proc/sys/net/ipv4/ip_forward") as file:
            return file.read().strip() == "1"
    except OSError:
        return False
