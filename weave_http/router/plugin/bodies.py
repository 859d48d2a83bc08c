"""What the engine sends and takes, read with a line for what makes no sense."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_interface, ip_network
from typing import Any

from weave_http.addresses import IP, Cidr, Network, parse_ip
from weave_http.errors import HostError, UsageError

Body = Mapping[str, Any]
_ID_LENGTH = 64
_HEXADECIMAL = frozenset("0123456789abcdef")
GENERIC = "com.docker.network.generic"
"""Where the engine puts the options of `docker network create -o`."""


def text(body: Body, key: str) -> str:
    """Return a text, empty if there is none. Raises `HostError`: it is something else."""
    value = body.get(key) or ""
    if not isinstance(value, str):
        raise HostError(f"invalid {key} {value!r}", hint="expected a text")
    return value


def mapping(body: Body, key: str) -> Body:
    """Return an object, empty if there is none. Raises `HostError`: it is something else."""
    value = body.get(key) or {}
    if not isinstance(value, dict):
        raise HostError(f"invalid {key} {value!r}", hint="expected a JSON object")
    return value


def spaces(body: Body, key: str) -> list[str]:
    """Return the address spaces of a network's pools. Raises `HostError`: there is something else."""
    pools = body.get(key) or []
    if not isinstance(pools, list) or not all(isinstance(each, dict) for each in pools):
        raise HostError(f"invalid {key}", hint="expected a list of JSON objects")
    return [text(each, "AddressSpace") for each in pools]


def identity(body: Body, key: str) -> str:
    """Return the id of a network or an endpoint. Raises `HostError`: it is none."""
    value = text(body, key)
    if len(value) != _ID_LENGTH or not set(value) <= _HEXADECIMAL:
        raise HostError(f"invalid {key} {value!r}", hint="expected 64 hexadecimal digits")
    return value


def network(value: str) -> Network:
    """Return a network. Raises `HostError`: it is none."""
    try:
        return ip_network(value)
    except ValueError as error:
        raise HostError(f"invalid subnet {value!r}", hint="expected one like 10.32.0.0/12") from error


def address(value: str) -> IP:
    """Return an address. Raises `HostError`: it is none."""
    try:
        return parse_ip(value)
    except UsageError as error:
        raise HostError(str(error)) from error


def of_network(ip: IP, pool: Network) -> Cidr:
    """Return an address with the length of its network's prefix."""
    return ip_interface((ip, pool.prefixlen))
