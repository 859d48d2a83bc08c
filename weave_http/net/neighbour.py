"""Tell everybody on the network which MAC has an address now: gratuitous ARP, and Neighbor Advertisements of IPv6."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable
from ipaddress import IPv6Address

from weave_http.addresses import IP, Cidr
from weave_http.errors import HostError

_ETHERNET = struct.Struct("!6s6sH")
_ARP = struct.Struct("!HHBBH6s4s6s4s")
_ETH_P_ARP, _ETH_P_IP, _HARDWARE_ETHERNET, _REQUEST = 0x0806, 0x0800, 1, 1
_EVERYBODY, _NOBODY = b"\xff" * 6, b"\0" * 6
_IPV6 = struct.Struct("!IHBB16s16s")
_ETH_P_IPV6, _VERSION_6, _ICMPV6, _GREATEST_HOPS = 0x86DD, 6 << 28, 58, 255
_ALL_NODES, _ALL_NODES_MAC = IPv6Address("ff02::1"), bytes.fromhex("333300000001")
_ADVERTISEMENT = struct.Struct("!BBHI16sBB6s")
_NEIGHBOR_ADVERTISEMENT, _OVERRIDE, _TARGET_LINK_ADDRESS = 136, 1 << 29, 2
_CHECKSUM_AT = 2


def frame(mac: str, ip: IP) -> bytes:
    """Return the Ethernet frame by which `ip` says to everybody whose it is.

    Of IPv4 it is an ARP request by which the address asks for itself, as `arping -U` sends it; of IPv6 an unsolicited
    Neighbor Advertisement with the override flag (RFC 4861, 7.2.6).
    """
    sender = _octets(mac)
    if isinstance(ip, IPv6Address):
        return _ETHERNET.pack(_ALL_NODES_MAC, sender, _ETH_P_IPV6) + _advertisement(sender, ip)
    return _ETHERNET.pack(_EVERYBODY, sender, _ETH_P_ARP) + _ARP.pack(
        _HARDWARE_ETHERNET, _ETH_P_IP, 6, 4, _REQUEST, sender, ip.packed, _NOBODY, ip.packed
    )


def announce(interface: str, mac: str, addresses: Iterable[Cidr]) -> None:
    """Send such a frame for each address, in the network namespace of the calling thread.

    Args:
        interface: where, and it must be up.
        mac: that interface's.
        addresses: of either family.

    Raises:
        HostError: the kernel did not take the frame.
    """
    try:
        # Protocol 0: nothing is to be received.
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sender:
            for cidr in addresses:
                sender.sendto(frame(mac, cidr.ip), (interface, _ETH_P_ARP if cidr.version == 4 else _ETH_P_IPV6))
    except OSError as error:
        reason = error.strerror or str(error)
        raise HostError(f"can't announce addresses on {interface}: {reason}") from error


def link_local(mac: str) -> IPv6Address:
    """Return the link-local address that an interface makes of its MAC (EUI-64, RFC 4291)."""
    octets = _octets(mac)
    return IPv6Address(b"\xfe\x80" + b"\0" * 6 + bytes([octets[0] ^ 2]) + octets[1:3] + b"\xff\xfe" + octets[3:])


def _octets(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def _advertisement(sender: bytes, ip: IPv6Address) -> bytes:
    body = _ADVERTISEMENT.pack(_NEIGHBOR_ADVERTISEMENT, 0, 0, _OVERRIDE, ip.packed, _TARGET_LINK_ADDRESS, 1, sender)
    pseudo = ip.packed + _ALL_NODES.packed + struct.pack("!II", len(body), _ICMPV6)
    head = _IPV6.pack(_VERSION_6, len(body), _ICMPV6, _GREATEST_HOPS, ip.packed, _ALL_NODES.packed)
    sums = struct.pack("!H", _checksum(pseudo + body))
    return head + body[:_CHECKSUM_AT] + sums + body[_CHECKSUM_AT + 2 :]


def _checksum(data: bytes) -> int:
    """Return the Internet checksum of an even number of bytes (RFC 1071)."""
    total: int = sum(number for (number,) in struct.iter_unpack("!H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
