"""The values of flags: what their texts say, a function a kind of value. `UsageError` for what makes no sense."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, ip_network
from pathlib import PurePosixPath

from weave_http import constants
from weave_http.addresses import IP, Network, order, parse_ip, parse_ipv4, parse_port
from weave_http.errors import UsageError
from weave_http.operations.hostnames import parse_hostname
from weave_http.records import dataclass

TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})
"""How Go spells the values of a switch."""

DNS_PORT = 53
LOG_LEVELS = ("debug", "info", "warning", "error")
LOOPBACK = "127.0.0.1"
_DURATION = re.compile(r"(?P<number>\d{1,6}(\.\d{1,6})?)(?P<unit>ms|s|m|)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "": 1.0}
_LONGEST_TIMEOUT = 60.0
_RECLAIM = re.compile(r"(?P<number>\d{1,6})(?P<unit>[smh])")
_LONG_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_SHORTEST_RECLAIM, _LONGEST_RECLAIM = 10.0, 9999 * 3600.0
_SHORTEST_LENGTH = 8


def number(what: str, least: int, most: int, unit: str = "") -> Callable[[str], int]:
    """Return a function that reads a whole number from `least` to `most`."""

    def read(text: str) -> int:
        value = int(text) if text.isascii() and text.isdigit() and len(text) < 11 else -1
        if not least <= value <= most:
            raise UsageError(f"invalid {what} {text!r}", hint=f"expected {least} to {most}{unit}")
        return value

    return read


read_mtu = number("MTU", constants.LEAST_MTU, constants.GREATEST_MTU, " bytes")
"""Read an MTU in bytes."""


def http_address(text: str) -> tuple[str, int]:
    """Return address and port of `[ADDRESS]:PORT`: whoever reaches the API rules the router, so it stays on the host.

    Raises:
        UsageError: it is something else, or no loopback address.
    """
    host, _, port = text.rpartition(":")
    try:
        address, number_ = parse_ipv4(host or LOOPBACK), parse_port(port)
    except UsageError:
        address = None
    if address is None or not address.is_loopback:
        raise UsageError(f"invalid --http-addr {text!r}", hint="expected 127.0.0.1:PORT")
    return str(address), number_


def metrics_address(text: str) -> tuple[str, int] | None:
    """Return address and port of `[ADDRESS]:PORT`; None of no text, for no metrics."""
    host, _, port = text.rpartition(":")
    try:
        return (str(parse_ipv4(host or LOOPBACK)), parse_port(port)) if text else None
    except UsageError as error:
        hint = "expected ADDRESS:PORT, with an IPv4 address, or '' for no metrics"
        raise UsageError(f"invalid --metrics-addr {text!r}", hint=hint) from error


def host(text: str) -> IP:
    """Return an address that can be one of this host's."""
    try:
        address = parse_ip(text)
    except UsageError:
        address = None
    if address is None or address.is_multicast or (address.version == 6 and address.is_link_local):
        hint = "expected an address of this host; 0.0.0.0 for all, :: for all of IPv6"
        raise UsageError(f"invalid --host {text!r}", hint=hint)
    return address


def log_level(text: str) -> str:
    """Return the name of a level."""
    if text not in LOG_LEVELS:
        raise UsageError(f"invalid --log-level {text!r}", hint=f"expected one of {', '.join(LOG_LEVELS)}")
    return text


def domain(text: str) -> str:
    """Return a domain for names, as it is written in full."""
    try:
        return parse_hostname(text)
    except UsageError as error:
        raise UsageError(f"invalid --dns-domain {text!r}", hint="expected a domain, as weave.local.") from error


def listen(text: str) -> tuple[IPv4Address | None, int]:
    """Return address and port of `[ADDRESS][:PORT]`; None for the address that is the usual one."""
    host, colon, port = text.partition(":")
    try:
        return parse_ipv4(host) if host else None, parse_port(port) if colon else DNS_PORT
    except UsageError as error:
        hint = "expected ADDRESS[:PORT], with an IPv4 address"
        raise UsageError(f"invalid --dns-listen-address {text!r}", hint=hint) from error


def duration(text: str) -> float:
    """Return seconds, of `5s` or `500ms`, up to a minute."""
    match = _DURATION.fullmatch(text)
    seconds = float(match["number"]) * _SECONDS[match["unit"]] if match else 0.0
    if not 0 < seconds <= _LONGEST_TIMEOUT:
        hint = f"expected up to {_LONGEST_TIMEOUT:.0f} s, as 5s or 500ms"
        raise UsageError(f"invalid --dns-fallback-timeout {text!r}", hint=hint)
    return seconds


def reclaim(text: str) -> float | None:
    """Return seconds, of `24h` or `90m`; None of `off`."""
    match = _RECLAIM.fullmatch(text)
    seconds = float(match["number"]) * _LONG_SECONDS[match["unit"]] if match else 0.0
    if text != "off" and not _SHORTEST_RECLAIM <= seconds <= _LONGEST_RECLAIM:
        hint = "expected 10s to 9999h, as 24h or 90m, or off"
        raise UsageError(f"invalid --ipalloc-reclaim {text!r}", hint=hint)
    return None if text == "off" else seconds


@dataclass(frozen=True, slots=True)
class Init:
    """How the first agreement about addresses comes about.

    Args:
        kind: `consensus`, `seed` or `observer`.
        count: of peers at the beginning; 0 for those that are named at the launch.
        seed: names of the peers at the beginning.
    """

    kind: str = "consensus"
    count: int = 0
    seed: tuple[str, ...] = ()


def init(text: str) -> Init:
    """Return how the first hosts agree about addresses."""
    kind, _, value = text.partition("=")
    if kind == "consensus":
        count = value.isascii() and value.isdigit() and len(value) < 5 and int(value) > 0
        if not value or count:
            return Init(kind, int(value or 0))
    if text.isascii() and text.isdigit() and 0 < len(text) < 5:  # of -initpeercount
        return Init("consensus", int(text))
    if kind == "seed" and value:
        return Init(kind, 0, tuple(value.split(",")))
    if text == "observer":
        return Init(text)
    raise UsageError(
        f"invalid --ipalloc-init {text!r}", hint="expected consensus, consensus=N, seed=NAME,… or observer"
    )


def networks(flag: str) -> Callable[[str], tuple[Network, ...]]:
    """Return a function that reads a network, or one of each version of IP with a comma between; none of no text."""

    def read(text: str) -> tuple[Network, ...]:
        found = [_network(flag, each) for each in text.split(",") if text]
        if len({each.version for each in found}) < len(found):
            raise UsageError(f"invalid --{flag} {text!r}", hint="expected one network of IPv4, one of IPv6, or both")
        return tuple(sorted(found, key=order))

    return read


def _network(flag: str, text: str) -> Network:
    hint = "expected a network like 10.32.0.0/12 or fd00:32::/64, with all bits after the length zero"
    try:
        found = ip_network(text)
    except ValueError as error:
        raise UsageError(f"invalid --{flag} {text!r}", hint=hint) from error
    if "/" not in text:
        raise UsageError(f"invalid --{flag} {text!r}", hint=hint)
    longest = found.max_prefixlen - 2
    if not _SHORTEST_LENGTH <= found.prefixlen <= longest:
        raise UsageError(f"invalid --{flag} {text!r}", hint=f"expected a length from {_SHORTEST_LENGTH} to {longest}")
    if found.is_multicast or found.is_link_local or found.is_loopback:
        raise UsageError(f"invalid --{flag} {text!r}", hint="no interface of a container can have such addresses")
    return found


def default_subnets(ranges: Sequence[Network], given: Sequence[Network]) -> tuple[Network, ...]:
    """Return the subnets for those who name none, one of each range; all of it where no part of it is given.

    Raises:
        UsageError: one is not within the range of its version of IP.
    """
    chosen = {each.version: each for each in ranges}
    for subnet in given:
        range_ = chosen.get(subnet.version)
        if range_ is None or not range_.supernet_of(subnet):  # type: ignore[arg-type]
            hint = f"expected a part of {' or '.join(map(str, ranges))}"
            raise UsageError(f"invalid --ipalloc-default-subnet {str(subnet)!r}", hint=hint)
        chosen[subnet.version] = subnet
    return tuple(chosen.values())


def endpoints(text: str) -> tuple[tuple[IP, int], ...]:
    """Return the TCP addresses of the Docker API; the unix socket is there anyway."""
    unix = f"unix://{constants.PROXY_SOCKET}"
    return tuple(_endpoint(each) for each in text.split(",") if each != unix)


def _endpoint(text: str) -> tuple[IP, int]:
    rest = text.removeprefix("tcp://")
    address, colon, port = rest.rpartition(":")
    if not colon or rest.endswith("]"):
        address, port = rest, str(constants.PROXY_PORT)
    try:
        if rest != text:
            found = parse_ip(address.removeprefix("[").removesuffix("]")) if address else IPv4Address(0)
            return found, parse_port(port)
    except UsageError:
        pass
    hint = f"expected tcp://ADDRESS or tcp://ADDRESS:PORT; unix://{constants.PROXY_SOCKET} is there anyway"
    raise UsageError(f"invalid -H {text!r}", hint=hint)


def host_file(flag: str) -> Callable[[str], str]:
    """Return a function that reads the path of a file on the host."""

    def read(text: str) -> str:
        if not PurePosixPath(text).is_absolute():
            raise UsageError(f"invalid --{flag} {text!r}", hint="expected an absolute path on the host")
        return text

    return read


def trusted(text: str) -> tuple[Network, ...]:
    """Return networks, with commas between."""
    try:
        return tuple(ip_network(each.strip()) for each in text.split(",") if each.strip())
    except ValueError as error:
        hint = "expected networks like 10.0.0.0/8,192.168.7.0/24"
        raise UsageError(f"invalid --trusted-subnets {text!r}", hint=hint) from error


def switch(word: str, value: str) -> bool:
    """Return whether a switch is on, as Go reads it. Raises `UsageError`."""
    if value in TRUE or value in FALSE:
        return value in TRUE
    raise UsageError(f"invalid value in {word!r}", hint="expected true or false")
