"""Probes on the wire."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weave_http.router.mesh.identity import PeerName
from weave_http.router.paths.frame import LEAST, Probe, pack, parse

A, B = PeerName("02:00:00:00:00:01"), PeerName("02:00:00:00:00:02")
VXLAN, ETHERNET = 8, 14


@given(st.booleans(), st.integers(0, 65535), st.integers(0, 2**64 - 1), st.integers(LEAST, 9000))
def test_a_probe_comes_back_as_it_was_and_as_large_as_it_says(answer: bool, label: int, nonce: int, size: int) -> None:
    probe = Probe(answer, A, B, label, nonce, size)
    packet = pack(probe)
    assert parse(packet[VXLAN:]) == probe
    assert len(packet) == VXLAN + ETHERNET + (LEAST if answer else size)
    assert packet[VXLAN : VXLAN + 6].hex() == "0180c200000e", "which no bridge passes on"
    assert not packet[VXLAN + 6] & 1


def test_a_question_that_came_in_part_is_as_large_as_what_came() -> None:
    packet = pack(Probe(False, A, B, 0, 1, 1450))
    part = parse(packet[VXLAN:-50])
    assert part is not None
    assert part.size == 1400


@given(st.binary(max_size=200))
def test_anything_else_is_no_probe(data: bytes) -> None:
    assert parse(data) is None
