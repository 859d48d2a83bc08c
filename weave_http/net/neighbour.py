"""Who has which MAC, told to everybody on the network and asked of everybody, by ARP and by ICMPv6 (RFC 4861)."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address

from weave_http.addresses import IP, Cidr
from weave_http.closed_behind import closed_behind
from weave_http.errors import HostError

_ETHERNET = struct.Struct("!6s6sH")
_ARP = struct.Struct("!HHBBH6s4s6s4s")
_ETH_P_ARP, _ETH_P_IP, _HARDWARE_ETHERNET, _REQUEST = 0x0806, 0x0800, 1, 1
_EVERYBODY, _NOBODY = b"\xff" * 6, b"\0" * 6
_IPV6 = struct.Struct("!IHBB16s16s")
_ETH_P_IPV6, _VERSION_6, _ICMPV6, _GREATEST_HOPS = 0x86DD, 6 << 28, 58, 255
_ALL_NODES, _ALL_NODES_MAC = IPv6Address("ff02::1"), bytes.fromhex("333300000001")
_ADVERTISEMENT = struct.Struct("!BBHI16sBB6s")
_NEIGHBOR_SOLICITATION, _NEIGHBOR_ADVERTISEMENT, _OVERRIDE, _TARGET_LINK_ADDRESS = 135, 136, 1 << 29, 2
_CHECKSUM_AT = 2
_UNSPECIFIED = IPv6Address(0)
_SOLICITED_NODE, _SOLICITED_NODE_MAC = IPv6Address("ff02::1:ff00:0").packed[:13], bytes.fromhex("3333ff")
_PADDING_OPTION, _UNIT, _MOST_UNITS = 253, 8, 255
"""A type of option that receivers pass over (RFC 4727); an option has so many bytes, up to so many times."""
LEAST_QUESTION = {4: 28, 6: 64}
"""Bytes of a question without padding, by version of IP."""
_ARP_REPLY = 2
_NEIGHBOR = struct.Struct("!BBHI16s")


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


def question(mac: str, ip: IP, size: int = 0) -> bytes:
    """Return the frame that asks who has an address, of a sender without one, as of a host that looks if it is free.

    Every Linux answers it for any address of the interface that it comes in at; of IPv4, for any of its own.

    Args:
        mac: the sender's.
        ip: the address.
        size: bytes of the packet as the network carries it; the rest is padding.
    """
    sender, rest = _octets(mac), max(0, size - LEAST_QUESTION[ip.version])
    if isinstance(ip, IPv6Address):
        last = ip.packed[-3:]
        body = _NEIGHBOR.pack(_NEIGHBOR_SOLICITATION, 0, 0, 0, ip.packed) + _padding(rest // _UNIT)
        packet = _packet(_UNSPECIFIED, IPv6Address(_SOLICITED_NODE + last), body) + bytes(rest % _UNIT)
        return _ETHERNET.pack(_SOLICITED_NODE_MAC + last, sender, _ETH_P_IPV6) + packet
    asked = _ARP.pack(_HARDWARE_ETHERNET, _ETH_P_IP, 6, 4, _REQUEST, sender, bytes(4), _NOBODY, ip.packed)
    return _ETHERNET.pack(_EVERYBODY, sender, _ETH_P_ARP) + asked + bytes(rest)


def answered(frame: bytes) -> tuple[IP, str] | None:
    """Return whose answer a frame is: an address, and the MAC that has it; None if it is no answer."""
    kind, packet = frame[12 : _ETHERNET.size], frame[_ETHERNET.size :]
    if kind == _ETH_P_ARP.to_bytes(2) and len(packet) >= _ARP.size:
        *_, operation, mac, ip, _, _ = _ARP.unpack_from(packet)
        return (IPv4Address(ip), mac.hex(":")) if operation == _ARP_REPLY else None
    if kind != _ETH_P_IPV6.to_bytes(2) or len(packet) < _IPV6.size + _ADVERTISEMENT.size:
        return None
    if packet[6:8] != bytes((_ICMPV6, _GREATEST_HOPS)) or packet[_IPV6.size] != _NEIGHBOR_ADVERTISEMENT:
        return None
    *_, ip, option, units, mac = _ADVERTISEMENT.unpack_from(packet, _IPV6.size)
    return (IPv6Address(ip), mac.hex(":")) if (option, units) == (_TARGET_LINK_ADDRESS, 1) else None


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
        with closed_behind(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)) as sender:
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
    return _packet(ip, _ALL_NODES, body)


def _padding(units: int) -> bytes:
    """Return options that mean nothing, as long as so many units of 8 bytes together."""
    options = b""
    while units:
        count = min(units, _MOST_UNITS)
        options += bytes((_PADDING_OPTION, count)).ljust(count * _UNIT, b"\0")
        units -= count
    return options


def _packet(source: IPv6Address, target: IPv6Address, body: bytes) -> bytes:
    """Return an ICMPv6 packet whose message lacks its checksum."""
    pseudo = source.packed + target.packed + struct.pack("!II", len(body), _ICMPV6)
    head = _IPV6.pack(_VERSION_6, len(body), _ICMPV6, _GREATEST_HOPS, source.packed, target.packed)
    sums = struct.pack("!H", _checksum(pseudo + body))
    return head + body[:_CHECKSUM_AT] + sums + body[_CHECKSUM_AT + 2 :]


def _checksum(data: bytes) -> int:
    """Return the Internet checksum of an even number of bytes (RFC 1071)."""
    total: int = sum(number for (number,) in struct.iter_unpack("!H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
