"""A probe, as it goes over the wire: a frame of our own inside of the same VXLAN packet as frames of containers. Pure.

Its destination is an address that a bridge never passes on, so no container gets a probe, and none can send one. Each
sender has another source address for each way: the kernel learns it, and nothing is ever sent there. On a way over
other hosts it is another one every few seconds: where a host in between wraps the frame up anew, the UDP port that it
comes from follows of it, and a kernel goes on as it did with the first packet from a port, which may have come before
its rules.
"""

from __future__ import annotations

import struct
from hashlib import blake2b

from weave_http import constants
from weave_http.records import dataclass
from weave_http.router.mesh.identity import PeerName

ETHERTYPE = 0x88B5
"""The number that IEEE 802 keeps for experiments."""
LEAST = 64
"""Bytes of the smallest probe's packet."""
_DESTINATION = bytes.fromhex("0180c200000e")
"""A group address that stays on its link."""
_VXLAN = struct.pack("!II", 0x0800_0000, constants.VNI << 8)
_ETHERNET = struct.Struct("!6s6sH")
_BODY = struct.Struct("!4s?6s6sHQH?QH")
"""Routers of before the last three put zeros there, and take no notice of them."""
_MAGIC = b"wvp1"


@dataclass(frozen=True, slots=True)
class Probe:
    """A question or its answer.

    Args:
        answer: which of the two.
        source: who sends it.
        target: who it is for.
        label: of the way (`weave_http.router.data.plan.Way`).
        nonce: that the answer repeats.
        size: bytes of the question's packet on the network, as sent, or in an answer as it arrived.
        wide: in a question, whether an answer as large as it is wanted.
        back: in an answer, a number of its own; in a question, that of the last answer. 0 for none.
        back_size: bytes of the answer's packet, as sent, or in a question as it arrived.
        turn: makes another source address; it is not told.
    """

    answer: bool
    source: PeerName
    target: PeerName
    label: int
    nonce: int
    size: int
    wide: bool = False
    back: int = 0
    back_size: int = 0
    turn: int = 0


def pack(probe: Probe) -> bytes:
    """Return what a UDP packet to the port for data holds."""
    body = _BODY.pack(
        _MAGIC,
        probe.answer,
        _octets(probe.source),
        _octets(probe.target),
        probe.label,
        probe.nonce,
        probe.size,
        probe.wide,
        probe.back,
        probe.back_size,
    )
    header = _ETHERNET.pack(_DESTINATION, _source(probe), ETHERTYPE)
    return _VXLAN + header + body.ljust(max(LEAST, probe.back_size) if probe.answer else probe.size, b"\0")


def parse(frame: bytes) -> Probe | None:
    """Return the probe in a frame as a packet socket gives it, None if there is none.

    A question's size, and the size of an answer with a number of its own, is what arrived of it.
    """
    size = len(frame) - _ETHERNET.size
    if size < _BODY.size:
        return None
    fields = _BODY.unpack_from(frame, _ETHERNET.size)
    magic, answer, source, target, label, nonce, said, wide, back, back_size = fields
    if magic != _MAGIC:
        return None
    name, other = (PeerName(octets.hex(":")) for octets in (source, target))
    if answer:
        return Probe(True, name, other, label, nonce, said, wide, back, min(back_size, size))
    return Probe(False, name, other, label, nonce, min(said, size), wide, back, back_size)


def _octets(name: PeerName) -> bytes:
    return bytes.fromhex(name.replace(":", ""))


def _source(probe: Probe) -> bytes:
    mac = bytearray(blake2b(f"{probe.source} {probe.label} {probe.turn}".encode(), digest_size=6).digest())
    mac[0] = mac[0] & ~0x01 | 0x02
    return bytes(mac)
