"""Values of a message, each with its type, size and range checked. What is wrong raises `Malformed`."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address
from typing import Any

from weave_http.router.mesh.identity import is_peer_name


class Malformed(Exception):
    """What a peer sent is not our protocol; the message says what was wrong with it."""


def matching(pattern: re.Pattern[str], value: Any) -> str:
    """Return a text that matches a pattern."""
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise Malformed("something else where a name or its owner belongs")
    return value


def a_map(value: Any) -> dict[str, Any]:
    """Return a map with texts as keys."""
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise Malformed("something else where a map belongs")
    return value


def a_list(value: Any, most: int, least: int = 0) -> list[Any]:
    """Return a list of so many values."""
    if not isinstance(value, list) or not least <= len(value) <= most:
        raise Malformed(f"something else where a list of {least} to {most} belongs")
    return value


def a_text(value: Any) -> str:
    """Return a printable text."""
    if not isinstance(value, str) or not value.isprintable():
        raise Malformed("something else where a printable text belongs")
    return value


def a_peer(value: Any) -> str:
    """Return a peer name."""
    if not isinstance(value, str) or not is_peer_name(value):
        raise Malformed("something else where a peer name belongs")
    return value


def a_flag(value: Any) -> bool:
    """Return a truth value."""
    if not isinstance(value, bool):
        raise Malformed("something else where yes or no belongs")
    return value


def a_number(value: Any, least: int = 0, most: int = 2**63 - 1) -> int:
    """Return a whole number within bounds."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise Malformed(f"something else where a number from {least} to {most} belongs")
    return value


def an_ip(value: Any) -> str:
    """Return an IPv4 address in its usual spelling."""
    try:
        return str(IPv4Address(value)) if isinstance(value, str) else a_text(None)
    except AddressValueError as error:
        raise Malformed("something else where an IPv4 address belongs") from error
