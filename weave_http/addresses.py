"""The words that Weave's commands share on both sides: CIDRs first, then what they are for."""

from __future__ import annotations

import re
from collections.abc import Sequence

from weave_http.errors import UsageError

SHAPE = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){3}/[0-9]{1,2}")
"""What looks like a CIDR; whether its numbers are in range is a second question."""

FIXED = "ip:"
"""What Weave 1.0 and later may write before an address, to say that it is given and not looked for."""
ALLOCATED = "net:"
"""What asks for any free address of a subnet instead."""

UNUSABLE = frozenset({0, 127})
"""First octets of "this network" and of loopback."""
FIRST_MULTICAST = 224


def parse_cidr(text: str) -> str:
    """Return `text` if it is an IPv4 interface address with prefix length.

    Args:
        text: as `10.2.1.1/24`.

    Raises:
        UsageError: no such address, or a number out of range.
    """
    if not SHAPE.fullmatch(text):
        raise UsageError(f"invalid CIDR {text!r}", hint="expected an address like 10.2.1.1/24")
    address, _, length = text.partition("/")
    octets = address.split(".")
    if any(int(octet) > 255 for octet in octets) or int(length) > 32:
        raise UsageError(f"invalid CIDR {text!r}", hint="each number of an address is at most 255, the length 32")
    if any(number != str(int(number)) for number in (*octets, length)):
        raise UsageError(f"invalid CIDR {text!r}", hint="write its numbers without leading zeros")
    host_bits = 32 - int(length)
    host = int.from_bytes(bytes(map(int, octets))) & ((1 << host_bits) - 1)
    if host_bits > 1 and host in (0, (1 << host_bits) - 1):
        what = "broadcast address" if host else "address of the network itself"
        raise UsageError(f"invalid CIDR {text!r}", hint=f"it is the {what}, which no interface can have")
    if int(octets[0]) in UNUSABLE or int(octets[0]) >= FIRST_MULTICAST or int(length) == 0:
        raise UsageError(f"invalid CIDR {text!r}", hint="no interface of a container can have that address")
    return text


def leading_cidrs(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split words into the CIDRs that they begin with, each perhaps after `ip:`, and the rest.

    Raises:
        UsageError: they begin with none, or with one that is out of range, or ask for any free address.
    """
    bare = [word.removeprefix(FIXED) for word in words]
    count = next((index for index, word in enumerate(bare) if not SHAPE.fullmatch(word)), len(words))
    for word in words[: count + 1]:
        if word.startswith(ALLOCATED):
            raise UsageError(
                f"{word!r} asks for any free address, and this version hands out none",
                hint="expected an address like 10.2.1.1/24",
            )
    if count == 0:
        raise UsageError(
            f"invalid CIDR {words[0]!r}" if words else "no CIDR given",
            hint="expected an address like 10.2.1.1/24 first, as this version hands out none",
        )
    return [parse_cidr(word) for word in bare[:count]], list(words[count:])


def cidrs_and_container(words: Sequence[str]) -> tuple[list[str], str]:
    """Split words into CIDRs and the one container that follows them.

    Raises:
        UsageError: no CIDR, no container, or more than one word after the CIDRs.
    """
    cidrs, rest = leading_cidrs(words)
    if not rest:
        raise UsageError("no container given", hint="its name or id comes after the CIDRs")
    if len(rest) > 1:
        raise UsageError(f"unexpected {rest[1]!r} after {rest[0]!r}", hint="expected CIDR… CONTAINER")
    return cidrs, rest[0]
