"""Gratuitous ARP: tell everybody on the network which MAC has an address now."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable

from weave_http.addresses import IP, Cidr
from weave_http.errors import HostError

_ETHERNET = struct.Struct("!6s6sH")
_ARP = struct.Struct("!HHBBH6s4s6s4s")
_ETH_P_ARP, _ETH_P_IP, _HARDWARE_ETHERNET, _REQUEST = 0x0806, 0x0800, 1, 1
_EVERYBODY, _NOBODY = b"\xff" * 6, b"\0" * 6


def frame(mac: str, ip: IP) -> bytes:
    """Return the Ethernet frame of an ARP request by which `ip` asks for itself, as `arping -U` sends it."""
    sender = bytes.fromhex(mac.replace(":", ""))
    return _ETHERNET.pack(_EVERYBODY, sender, _ETH_P_ARP) + _ARP.pack(
        _HARDWARE_ETHERNET, _ETH_P_IP, 6, 4, _REQUEST, sender, ip.packed, _NOBODY, ip.packed
    )


def announce(interface: str, mac: str, addresses: Iterable[Cidr]) -> None:
    """Send one gratuitous ARP request an IPv4 address, in the network namespace of the calling thread.

    Args:
        interface: where, and it must be up.
        mac: that interface's.
        addresses: IPv6 ones are left out; they have a way of their own.

    Raises:
        HostError: the kernel did not take the frame.
    """
    try:
        # Protocol 0: nothing is to be received.
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sender:
            for cidr in addresses:
                if cidr.version == 4:
                    sender.sendto(frame(mac, cidr.ip), (interface, _ETH_P_ARP))
    except OSError as error:
        reason = error.strerror or str(error)
        raise HostError(f"can't announce addresses on {interface}: {reason}") from error
