"""Addresses as values: parsed once at each edge, compared and handed on as what they are.

The values are those of the standard library's `ipaddress`, so IPv4 and IPv6 are the same code.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_interface,
    ip_network,
)

from weave_http.errors import UsageError
from weave_http.records import dataclass

IP = IPv4Address | IPv6Address
"""An address, as `10.2.1.1`."""
Cidr = IPv4Interface | IPv6Interface
"""An address of an interface with the length of its network's prefix, as `10.2.1.1/24`."""
Network = IPv4Network | IPv6Network
"""A network, as `10.2.1.0/24`."""

FIXED = "ip:"
"""What Weave 1.0 and later may write before an address, to say that it is given and not looked for."""
ALLOCATED = "net:"
"""What asks for any free address of a subnet instead."""

GREATEST_PORT = 65535
_GREATEST_HOSTNAME, _GREATEST_LABEL = 253, 63
_HOST_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")


@dataclass(frozen=True, slots=True)
class Subnet:
    """Any free address of a subnet, which the router finds.

    Args:
        network: which; None for the router's default one.
    """

    network: Network | None = None

    def __str__(self) -> str:
        return f"{ALLOCATED}{self.network or 'default'}"


Wanted = Cidr | Subnet
"""An address for an interface, or where one is to be looked for."""


@dataclass(frozen=True, slots=True)
class PeerAddress:
    """Where a peer is, as people say it: a name or an address, and perhaps a port.

    Args:
        host: a host name, or an address in its usual form.
        port: TCP port, or None for the default one.
    """

    host: str
    port: int | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"


def parse_ip(text: str) -> IP:
    """Return an IPv4 or IPv6 address.

    Raises:
        UsageError: it is none; zones (`%eth0`) are refused, too.
    """
    try:
        address = ip_address(text)
    except ValueError as error:
        raise UsageError(f"invalid address {text!r}", hint="expected an address like 10.2.1.1") from error
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        raise UsageError(f"invalid address {text!r}", hint="expected an address without a zone")
    return address


def parse_ipv4(text: str) -> IPv4Address:
    """Return an IPv4 address, for what this version has in IPv4 only. Raises `UsageError`."""
    address = parse_ip(text)
    if not isinstance(address, IPv4Address):
        raise UsageError(f"invalid address {text!r}", hint="this version takes IPv4 addresses here, like 10.2.1.1")
    return address


def is_ip(text: str) -> bool:
    """Tell whether a text is an IPv4 or IPv6 address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def is_this_machine(host: str) -> bool:
    """Tell whether a name or address is one of loopback."""
    return host == "localhost" or (is_ip(host) and ip_address(host).is_loopback)


def parse_cidr(text: str) -> Cidr:
    """Return the address of an interface.

    Args:
        text: as `10.2.1.1/24` or `fd00:2::1/64`.

    Raises:
        UsageError: it is no such thing, a number is out of range, or no interface of a container can have it.
    """
    _, slash, length = text.partition("/")
    if not slash or not looks_like_cidr(text):
        raise UsageError(f"invalid CIDR {text!r}", hint="expected an address like 10.2.1.1/24 or fd00:2::1/64")
    try:
        found = ip_interface(text)
    except ValueError as error:
        hint = "each number of an address is at most 255, the length 32, and none has leading zeros"
        if ":" in text:
            hint = "expected groups of up to four hexadecimal digits, as fd00:2::1, and a length of at most 128"
        raise UsageError(f"invalid CIDR {text!r}", hint=hint) from error
    if length != str(int(length)):
        raise UsageError(f"invalid CIDR {text!r}", hint="write the length without leading zeros")
    if not _is_of_a_container(found):
        raise UsageError(f"invalid CIDR {text!r}", hint="no interface of a container can have that address")
    return found


def _is_of_a_container(cidr: Cidr) -> bool:
    ip = cidr.ip
    if ip.is_loopback or cidr.network.prefixlen == 0:
        return False
    if isinstance(ip, IPv4Address):
        return 0 < ip.packed[0] < 224
    # A link-local address is the kernel's own matter; the others are none of one interface.
    return not (ip.is_link_local or ip.is_multicast or ip.is_unspecified or ip.ipv4_mapped is not None)


def looks_like_cidr(word: str) -> bool:
    """Tell whether a word was meant as a CIDR; whether its numbers are in range is a second question."""
    address, slash, length = word.partition("/")
    if not slash or not (length.isascii() and length.isdigit() and len(length) <= 3):
        return False
    octets = address.split(".")
    if len(octets) == 4 and all(octet.isascii() and octet.isdigit() and len(octet) <= 3 for octet in octets):
        return True
    return address.count(":") >= 2 and set(address) <= set("0123456789abcdefABCDEF:.")


def leading_addresses(words: Sequence[str]) -> tuple[list[Wanted], list[str]]:
    """Split words into the addresses that they begin with, and the rest.

    Addresses are CIDRs, each perhaps after `ip:`, and subnets after `net:`. Words that begin with none of these ask for
    an address of the default subnet.

    Raises:
        UsageError: one is out of range.
    """
    count = next((index for index, word in enumerate(words) if not _is_address(word)), len(words))
    return list(map(parse_wanted, words[:count])) or [Subnet()], list(words[count:])


def parse_wanted(text: str) -> Wanted:
    """Return an address, or where one is to be looked for: `[ip:]CIDR`, `net:CIDR` or `net:default`.

    Raises:
        UsageError: it is no such thing.
    """
    if not text.startswith(ALLOCATED):
        return parse_cidr(text.removeprefix(FIXED))
    name = text.removeprefix(ALLOCATED)
    if name == "default":
        return Subnet()
    hint = (
        "expected net:default, or a subnet like net:10.32.1.0/24 or net:fd00:32:1::/64, all bits after the length zero"
    )
    try:
        found = ip_network(name)
    except ValueError as error:
        raise UsageError(f"invalid subnet {text!r}", hint=hint) from error
    if "/" not in name:
        raise UsageError(f"invalid subnet {text!r}", hint=hint)
    return Subnet(found)


def order(value: IP | Cidr | Network) -> tuple[int, int, int]:
    """Return what addresses or networks of both families are sorted by: IPv4 first."""
    if isinstance(value, IPv4Network | IPv6Network):
        return value.version, int(value.network_address), value.prefixlen
    return value.version, int(value), value.network.prefixlen if isinstance(value, IPv4Interface | IPv6Interface) else 0


def _is_address(word: str) -> bool:
    return looks_like_cidr(word.removeprefix(FIXED)) or word.startswith(ALLOCATED)


def ips(cidrs: Iterable[Cidr]) -> list[IP]:
    """Return addresses without the lengths of their prefixes."""
    return [cidr.ip for cidr in cidrs]


def parse_port(text: str, greatest: int = GREATEST_PORT) -> int:
    """Return a TCP or UDP port from 1 to `greatest`. Raises `UsageError`."""
    if text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= greatest:
        return int(text)
    raise UsageError(f"invalid port {text!r}", hint=f"expected a number from 1 to {greatest}")


def parse_peer_address(text: str) -> PeerAddress:
    """Return where a peer is.

    Args:
        text: `HOST[:PORT]`; the host is a name, an IPv4 address, or an IPv6 address in brackets, which may be left out
            where no port follows.

    Raises:
        UsageError: it is no such thing.
    """
    host, colon, digits = _host_and_port(text)
    labels = (host.removesuffix(".") if host != "." else host).split(".")
    good = len(host) <= _GREATEST_HOSTNAME and set(host) <= _HOST_CHARACTERS and all(map(_is_label, labels))
    if ":" in host:
        if not _is_of_one_host(host):
            hint = "expected [ADDRESS] or [ADDRESS]:PORT, with an IPv6 address that one host has, and no zone"
            raise UsageError(f"invalid peer {text!r}", hint=hint)
        host = str(ip_address(host))
    elif not good or (labels[-1].isdigit() and not _is_of_one_host(host)):
        raise UsageError(f"invalid peer {text!r}", hint="expected HOST or HOST:PORT, with a name or an address")
    try:
        # Data uses the port after it.
        return PeerAddress(host, parse_port(digits, GREATEST_PORT - 1) if colon else None)
    except UsageError as error:
        raise UsageError(f"invalid peer {text!r}", hint=error.hint) from error


def _host_and_port(text: str) -> tuple[str, str, str]:
    """Return what stands for a host, the colon after it if there is one, and what stands for a port."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if bracket and ":" in host and rest[:1] in ("", ":"):
            return host, rest[:1], rest[1:]
    elif text.count(":") > 1:
        return text, "", ""
    return text.partition(":")


def endpoint(ip: IP, port: int) -> str:
    """Return an address and a port as people write them: `10.0.0.1:6783` or `[fd00::1]:6783`."""
    return f"[{ip}]:{port}" if ip.version == 6 else f"{ip}:{port}"


def _is_label(text: str) -> bool:
    """Tell whether a name may have this between two dots."""
    return 0 < len(text) <= _GREATEST_LABEL and text[0] != "-" and text[-1] != "-"


def _is_of_one_host(text: str) -> bool:
    """Tell whether a text is an address that some single host can have, wherever it is looked at from."""
    if not is_ip(text):
        return False
    address = ip_address(text)
    if isinstance(address, IPv6Address) and (address.is_link_local or address.scope_id or address.ipv4_mapped):
        return False
    return not (address.is_unspecified or address.is_multicast or address == IPv4Address("255.255.255.255"))
