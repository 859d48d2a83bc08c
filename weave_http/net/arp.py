"""Gratuitous ARP: tell everybody on the network which MAC has an address now."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable

from weave_http.errors import HostError

_ETHERNET = struct.Struct("!6s6sH")
_ARP = struct.Struct("!HHBBH6s4s6s4s")
_ETH_P_ARP, _ETH_P_IP, _HARDWARE_ETHERNET, _REQUEST = 0x0806, 0x0800, 1, 1
_EVERYBODY, _NOBODY = b"\xff" * 6, b"\0" * 6


def frame(mac: str, ip: str) -> bytes:
    """Return the Ethernet frame of an ARP request by which `ip` asks for itself, as `arping -U` sends it."""
    sender, address = bytes.fromhex(mac.replace(":", "")), socket.inet_aton(ip)
    return _ETHERNET.pack(_EVERYBODY, sender, _ETH_P_ARP) + _ARP.pack(
        _HARDWARE_ETHERNET, _ETH_P_IP, 6, 4, _REQUEST, sender, address, _NOBODY, address
    )


def announce(interface: str, mac: str, addresses: Iterable[str]) -> None:
    """Send one gratuitous ARP request an address, in the network namespace of the calling thread.

    Args:
        interface: where, and it must be up.
        mac: that interface's.
        addresses: IPv4, in CIDR notation.

    Raises:
        HostError: the kernel did not take the frame.
    """
    try:
        # Protocol 0: nothing is to be received.
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sender:
            for cidr in addresses:
                sender.sendto(frame(mac, cidr.partition("/")[0]), (interface, _ETH_P_ARP))
    except OSError as error:
        reason = error.strerror or str(error)
        raise HostError(f"can't announce addresses on {interface}: {reason}") from error
