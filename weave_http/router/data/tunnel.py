"""A tunnel as the data plane keeps it: its device, its keys, its peers. Every method blocks.

The private key is in the device alone. A router that starts takes over the one that is there, so that sessions of the
router before it go on; a new device gets a new one.
"""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Callable, Collection, Sequence

from weave_http.addresses import IP
from weave_http.errors import HostError
from weave_http.net import tunnel
from weave_http.net.offload import is_faulty
from weave_http.net.tunnel import Interface
from weave_http.net.wireguard import KEY, Change, Device, Endpoint, TunnelPeer, changes
from weave_http.net.wireguard_kernel import KernelDevice

logger = logging.getLogger(__name__)


class Tunnel:
    """A WireGuard device of this host: its end of the tunnels to all peers that are reached in one manner.

    Args:
        name: peer name, of which the address in the tunnel follows.
        interface: which device.
        port: UDP port of WireGuard.
        start: starts WireGuard in user space (`weave_http.net.tunnel.ensure`).

    Attributes:
        private: key of the device, empty as long as there is none.
        kind: `kernel` or `user-space`, empty as long as there is no device.
        trouble: why there is no tunnel, empty if there is.
    """

    def __init__(self, name: str, interface: Interface, port: int, start: Callable[[str], str]) -> None:
        self.private = b""
        self.kind = ""
        self.trouble = ""
        self._interface = interface
        self._address = tunnel.address_of(name, interface)
        self._port = port
        self._start = start
        self._told: dict[bytes, Endpoint] = {}
        self._device: Device | None = None

    def ensure(self, mtu: int) -> None:
        """Have the device as it must be; what is wrong with it is said by `trouble`.

        Args:
            mtu: of what goes through it, in bytes.
        """
        try:
            device = tunnel.ensure(self._interface, self._address, mtu, self._start)
            state = device.read()
            private = state.private if any(state.private) else new_private_key()
            port = self._port if state.port != self._port else 0
            if port or private != state.private:
                device.write(Change(private=private if private != state.private else b"", port=port))
                self._told.clear()
        except (HostError, OSError) as error:
            self._device = None
            self.private, self.kind = b"", ""
            self._say(str(error))
            return
        if self._device is None:
            logger.info(
                "%s: data of peers is encrypted by WireGuard in %s", self._interface.name, device.kind.replace("-", " ")
            )
            if device.kind != KernelDevice.kind and is_faulty(release := os.uname().release):
                logger.warning(
                    "Linux %s may lose packets that come out of %s, or crash, unless its distribution has mended "
                    "CVE-2024-35884: use the kernel's WireGuard, or a newer kernel",
                    release,
                    self._interface.name,
                )
        self._device, self.private, self.kind = device, private, device.kind
        self._say("")

    def apply(self, peers: Sequence[TunnelPeer], kept: Collection[IP] = ()) -> None:
        """Have these peers, and no others.

        Args:
            peers: all of them; those with an address in another tunnel are passed over.
            kept: addresses of peers of an earlier router, which stay as they are.
        """
        if self._device is None:
            return
        try:
            state = self._device.read()
            ours = [peer for peer in peers if peer.address in self._interface.network]
            change = changes(state, ours, self._told, kept=kept, now=time.time())
            if change:
                self._device.write(change)
        except HostError as error:
            self._say(str(error))
            return
        self._told = {peer.key: peer.endpoint for peer in ours if peer.endpoint is not None}

    def exists(self) -> bool:
        """Return whether the device is there, an earlier router's perhaps."""
        return tunnel.exists(self._interface)

    def remove(self) -> None:
        """Take the device away, and its keys. Idempotent. Raises `HostError`."""
        self._device, self.private, self.kind = None, b"", ""
        tunnel.remove(self._interface)

    def _say(self, trouble: str) -> None:
        if trouble and trouble != self.trouble:
            logger.error("%s can't be had, so no data goes that way: %s", self._interface.name, trouble)
        self.trouble = trouble


def new_private_key() -> bytes:
    """Return a private key of X25519, as RFC 7748 wants it: a number with some bits set."""
    key = bytearray(secrets.token_bytes(KEY))
    key[0] &= 248
    key[31] = key[31] & 127 | 64
    return bytes(key)
