"""Who a router is. Its name is 48 bits, written like a MAC address, because it is the address of its bridge."""

from __future__ import annotations

import re
from random import SystemRandom
from typing import NewType

from weave_http.addresses import IP
from weave_http.errors import UsageError
from weave_http.records import dataclass

PeerName = NewType("PeerName", str)
"""Six lower-case pairs of hexadecimal digits with colons between them."""

_FULL = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_SHORT = re.compile(r"(?P<head>([0-9a-f]{1,2}(:[0-9a-f]{1,2})*)?)::(?P<tail>([0-9a-f]{1,2}(:[0-9a-f]{1,2})*)?)")
_MULTICAST, _LOCAL = 0x01, 0x02


@dataclass(frozen=True, slots=True)
class Self:
    """What this router is to others, and how it behaves.

    Args:
        name: peer name.
        nickname: for people.
        uid: when the process started, in µs since 1970.
        host: address to listen on, `0.0.0.0` for all, `::` for all of IPv6.
        port: TCP port to listen on.
        limit: most connections, 0 for any number.
        discovery: whether to dial peers that others know.
    """

    name: PeerName
    nickname: str
    uid: int
    host: IP
    port: int
    limit: int
    discovery: bool

    @property
    def source(self) -> IP | None:
        """The address to send from; None to leave that to the routes."""
        return None if self.host.is_unspecified else self.host


def is_peer_name(text: str) -> bool:
    """Return whether a text is a peer name in its one spelling: six lower-case pairs, neither all zero nor a group."""
    return bool(_FULL.fullmatch(text)) and not int(text[:2], 16) & _MULTICAST and text.strip("0:") != ""


def parse_peer_name(text: str) -> PeerName:
    """Return a peer name from how a person spells it.

    Args:
        text: six pairs of hexadecimal digits; `::` stands for as many zero pairs as are missing, as in `::1`.

    Raises:
        UsageError: it is no such thing, or no bridge could have that address.
    """
    lower = text.lower()
    short = _SHORT.fullmatch(lower)
    if short:
        head, tail = (part.split(":") if part else [] for part in (short["head"], short["tail"]))
        pairs = [*head, *["00"] * (6 - len(head) - len(tail)), *tail]
    else:
        pairs = lower.split(":")
    name = ":".join(pair.zfill(2) for pair in pairs)
    if not is_peer_name(name):
        raise UsageError(f"invalid peer name {text}", hint="it is a MAC address, as in 7a:00:00:00:00:01 or ::1")
    return PeerName(name)


def goes_first(me: PeerName, peer: PeerName) -> bool:
    """Return which of two does what one of both has to do: who asks while all is well, who dials first.

    Each of many does so with about half of the others.
    """
    return (me < peer) == (sum(map(ord, me + peer)) % 2 == 0)


def random_peer_name() -> PeerName:
    """Return a new name: random, with the bits of a unicast, locally administered address."""
    octets = bytearray(SystemRandom().randbytes(6))
    octets[0] = octets[0] & ~_MULTICAST | _LOCAL
    return PeerName(octets.hex(":"))
