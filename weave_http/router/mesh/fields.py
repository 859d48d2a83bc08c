"""Values of a message, each with its type, size and range checked. What is wrong raises `Malformed`."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from weave_http.addresses import IP, parse_ip
from weave_http.errors import UsageError
from weave_http.router.mesh.facts import GREATEST_VERSION, Stamp
from weave_http.router.mesh.identity import PeerName, is_peer_name

Fields = dict[str, Any]
"""The keys of a message and what they hold, as it came."""
LONGEST_TEXT = 255


class Malformed(Exception):
    """What a peer sent is not our protocol; the message says what was wrong with it."""


def matching(pattern: re.Pattern[str], value: Any) -> str:
    """Return a text that matches a pattern."""
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise Malformed("something else where a name or its owner belongs")
    return value


def a_map(value: Any) -> Fields:
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
    if not isinstance(value, str) or len(value) > LONGEST_TEXT or not value.isprintable():
        raise Malformed(f"something else where a printable text of at most {LONGEST_TEXT} characters belongs")
    return value


def a_peer(value: Any) -> PeerName:
    """Return a peer name."""
    name = _peer_name(value) if isinstance(value, str) else None
    if name is None:
        raise Malformed("something else where a peer name belongs")
    return name


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


def a_uid(value: Any, greatest: int) -> int:
    """Return when a process started, in µs since 1970, unless that is too far ahead of our clock."""
    if a_number(value) > greatest:
        raise Malformed("a time further ahead of our clock than two days")
    return int(value)


def a_stamp(uid: Any, version: Any, greatest: int) -> Stamp:
    """Return a stamp whose uid is no greater than that."""
    return Stamp(a_uid(uid, greatest), a_number(version, 0, GREATEST_VERSION))


def an_address(value: Any) -> IP:
    """Return an address of IPv4 or IPv6."""
    if not isinstance(value, str):
        raise Malformed("something else where an address belongs")
    try:
        return _address(value)
    except UsageError as error:
        raise Malformed("something else where an address belongs") from error


@lru_cache(maxsize=4096)
def _address(text: str) -> IP:
    return parse_ip(text)


@lru_cache(maxsize=4096)
def _peer_name(text: str) -> PeerName | None:
    return PeerName(text) if is_peer_name(text) else None
