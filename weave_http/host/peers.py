"""What a peer looks like when it is typed."""

from __future__ import annotations

import re
from collections.abc import Iterable

from weave_http.errors import UsageError

_PEER = re.compile(r"([A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252}))(?::(\d{1,5}))?")
_GREATEST_PORT = 65534
"""Data uses the port after it."""


def parse_peers(words: Iterable[str]) -> list[str]:
    """Return the words if each is a host name or IPv4 address, with or without a port. Raises `UsageError`."""
    peers = list(words)
    for peer in peers:
        match = _PEER.fullmatch(peer)
        if match is None:
            raise UsageError(f"invalid peer {peer!r}", hint="expected HOST or HOST:PORT")
        if match[2] is not None:
            parse_port(match[2])
    return peers


def parse_port(text: str) -> int:
    """Return a router's TCP port. Raises `UsageError`."""
    if text.isascii() and text.isdecimal() and 1 <= int(text) <= _GREATEST_PORT:
        return int(text)
    raise UsageError(f"invalid port {text!r}", hint=f"expected a number from 1 to {_GREATEST_PORT}")
