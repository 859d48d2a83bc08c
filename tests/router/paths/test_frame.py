"""Probes on the wire."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weave_http.router.mesh.identity import PeerName
from weave_http.router.paths.frame import LEAST, Probe, pack, parse

A, B = PeerName("02:00:00:00:00:01"), PeerName("02:00:00:00:00:02")
VXLAN, ETHERNET = 8, 14
NUMBERS = st.integers(0, 2**64 - 1)
SIZES = st.integers(LEAST, 9000)


@given(st.booleans(), st.integers(0, 65535), NUMBERS, SIZES, st.booleans(), NUMBERS, SIZES)
def test_a_probe_comes_back_as_it_was_and_as_large_as_it_says(
    answer: bool, label: int, nonce: int, size: int, wide: bool, back: int, back_size: int
) -> None:
    probe = Probe(answer, A, B, label, nonce, size, wide, back, back_size)
    packet = pack(probe)
    assert parse(packet[VXLAN:]) == probe
    assert len(packet) == VXLAN + ETHERNET + (back_size if answer else size)
    assert packet[VXLAN : VXLAN + 6].hex() == "0180c200000e", "which no bridge passes on"
    assert not packet[VXLAN + 6] & 1


def test_a_question_that_came_in_part_is_as_large_as_what_came() -> None:
    packet = pack(Probe(False, A, B, 0, 1, 1450))
    part = parse(packet[VXLAN:-50])
    assert part is not None
    assert part.size == 1400


def test_an_answer_to_be_confirmed_that_came_in_part_is_as_large_as_what_came_and_another_one_is_small() -> None:
    packet = pack(Probe(True, A, B, 0, 1, 1450, False, 2, 1450))
    part = parse(packet[VXLAN:-50])
    assert part is not None
    assert (part.size, part.back_size) == (1450, 1400)
    assert len(pack(Probe(True, A, B, 0, 1, 1450))) == VXLAN + ETHERNET + LEAST


@given(st.binary(max_size=200))
def test_anything_else_is_no_probe(data: bytes) -> None:
    assert parse(data) is None
