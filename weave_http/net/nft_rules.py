"""What a rule of nf_tables consists of: steps, in order, each with the attributes that the kernel has for it.

A step tests something, and the rule ends where it is not true; or changes the packet; or decides what becomes of it.
`weave_http.net.nftables` puts rules into chains. Layouts: `linux/netfilter/nf_tables.h`.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from ipaddress import IPv4Address
from typing import Any

from weave_http.records import dataclass

LINK, NETWORK = 0, 1
"""Which header an offset begins at."""
MARK = -1
"""In place of a header: the packet's mark, a number that this host alone knows."""
EQUAL, DIFFERENT, BELOW, ABOVE = 0, 1, 2, 4
"""How bytes of a frame, read as a number, compare with those given."""

_DROP = 0
_VERDICT, _REGISTER = 0, 1
_FIRST, _SECOND = 8, 9
"""Two registers of four bytes each."""
_META_PROTOCOL, _META_MARK = 1, 3
_TRANSPORT, _SOURCE_PORT, _TARGET_PORT, _PORT_BYTES = 2, 0, 2, 2
_IPV4 = 2


@dataclass(frozen=True, slots=True)
class Test:
    """A test of some bytes of a frame.

    Args:
        header: `LINK` or `NETWORK`; `MARK`; None for the frame's EtherType, whatever tags it has.
        offset: bytes from the header's beginning.
        value: what is compared with.
        comparison: `EQUAL`, …
        mask: bits that count; empty for all.
    """

    header: int | None
    offset: int
    value: bytes
    comparison: int = EQUAL
    mask: bytes = b""


Rule = Sequence[Test]
"""What a frame must be for it to be dropped."""
Step = tuple[str, list[tuple[int, Any]]]
"""What the kernel calls it, and its attributes: numbers, with bytes, a text, a number, or attributes each."""
DROP: Step = ("immediate", [(1, _VERDICT), (2, [(2, [(1, _DROP)])])])


def tests(rule: Rule) -> list[Step]:
    """Return the steps of tests: a rule ends where one of them is not true."""
    steps: list[Step] = []
    for test in rule:
        if test.header is None:
            steps.append(("meta", [(1, _REGISTER), (2, _META_PROTOCOL)]))
        elif test.header == MARK:
            steps.append(("meta", [(1, _REGISTER), (2, _META_MARK)]))
        else:
            steps.append(("payload", [(1, _REGISTER), (2, test.header), (3, test.offset), (4, len(test.value))]))
        if test.mask:
            zero = bytes(len(test.mask))
            into = [(1, _REGISTER), (2, _REGISTER), (3, len(test.mask)), (4, [(1, test.mask)]), (5, [(1, zero)])]
            steps.append(("bitwise", into))
        steps.append(("cmp", [(1, _REGISTER), (2, test.comparison), (3, [(1, test.value)])]))
    return steps


def leave_by(index: int) -> list[Step]:
    """Return the steps by which a frame leaves by another device, as it is.

    Args:
        index: number of the device.
    """
    return [("immediate", [(1, _REGISTER), (2, [(1, struct.pack("=I", index))])]), ("fwd", [(1, _REGISTER)])]


def exchange_ports() -> list[Step]:
    """Return the steps by which source and destination port change places: a checksum over both stays true."""
    places = (_SOURCE_PORT, _TARGET_PORT)
    load = [
        ("payload", [(1, register), (2, _TRANSPORT), (3, at), (4, _PORT_BYTES)])
        for register, at in zip((_FIRST, _SECOND), places, strict=True)
    ]
    store = [
        ("payload", [(5, register), (2, _TRANSPORT), (3, at), (4, _PORT_BYTES), (6, 0), (7, 0)])
        for register, at in zip((_SECOND, _FIRST), places, strict=True)
    ]
    return [*load, *store]


def set_mark(mark: bytes) -> list[Step]:
    """Return the steps that mark a packet.

    Args:
        mark: four bytes, as `Test` has them with `MARK`.
    """
    return [("immediate", [(1, _REGISTER), (2, [(1, mark)])]), ("meta", [(3, _REGISTER), (2, _META_MARK)])]


def pass_on(index: int, hop: IPv4Address) -> list[Step]:
    """Return the steps by which a packet of IPv4 leaves by another device; where there is none, the rule ends.

    Args:
        index: number of the device.
        hop: who is to get it there: on a device that asks nobody, any address.
    """
    into = [(_FIRST, struct.pack("=I", index)), (_SECOND, hop.packed)]
    loaded = [("immediate", [(1, register), (2, [(1, value)])]) for register, value in into]
    return [*loaded, ("fwd", [(1, _FIRST), (2, _SECOND), (3, _IPV4)])]
