"""Frames come through whole, or not at all, however they are cut and whatever is mixed into them."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weave_http.operations.frames import LONGEST, Decoder, encode, said, written

IDS = st.text("0123456789abcdef", min_size=16, max_size=16)
FRAMES = st.lists(st.tuples(IDS, st.text(max_size=80)), max_size=8).map(
    lambda pairs: [{"id": identity, "text": text} for identity, text in pairs]
)


@given(FRAMES, st.integers(1, 50))
def test_frames_come_through_however_the_bytes_are_cut(frames: list[dict[str, str]], size: int) -> None:
    data = b"".join(map(encode, frames))
    decoder = Decoder()
    found = [frame for at in range(0, len(data), size) for frame in decoder.feed(data[at : at + size])]
    assert found == frames


@given(st.binary(max_size=3000), st.sampled_from([1, 2]))
def test_every_byte_of_output_comes_through(data: bytes, stream: int) -> None:
    pieces = list(said("a" * 16, stream, data))
    assert all(len(piece) <= LONGEST for piece in pieces)
    heard = [written(frame) for frame in Decoder().feed(b"".join(pieces))]
    assert b"".join(piece for _, piece in heard) == data
    assert {number for number, _ in heard} <= {stream}


@given(FRAMES, FRAMES, st.randoms(use_true_random=False))
def test_of_callers_who_write_at_once_no_order_comes_through_changed(
    one: list[dict[str, str]], two: list[dict[str, str]], chance: random.Random
) -> None:
    left = [b"".join(map(encode, one)), b"".join(map(encode, two))]
    mixed = b""
    while any(left):
        index = chance.randrange(2)
        count = chance.randrange(40)
        mixed += left[index][:count]
        left[index] = left[index][count:]
    decoder = Decoder()
    assert all(frame in one or frame in two for frame in decoder.feed(mixed))
    # What comes after it is understood again.
    assert decoder.feed(encode({"id": "next"}))[-1:] == [{"id": "next"}]


@given(st.binary(max_size=200), FRAMES)
def test_what_is_no_frame_is_dropped_and_the_next_one_is_understood(noise: bytes, frames: list[dict[str, str]]) -> None:
    decoder = Decoder()
    assert decoder.feed(noise) == []
    assert decoder.feed(b"".join(map(encode, frames))) == frames


def test_a_line_without_an_end_is_not_kept() -> None:
    decoder = Decoder()
    for _ in range(100):
        assert decoder.feed(b"x" * 65536) == []
    assert len(decoder._rest) <= LONGEST
    assert decoder.feed(encode({"id": "a"})) == [{"id": "a"}]


def test_a_caller_takes_only_what_is_for_it() -> None:
    decoder = Decoder("a" * 16)
    data = b"".join(encode({"id": identity * 16, "go": True}) for identity in "bac")
    assert decoder.feed(data) == [{"id": "a" * 16, "go": True}]


@pytest.mark.parametrize("line", [b"[]", b"{}", b'{"id": 1}', b"{", b"[" * 4000, b'{"id": "a"} '])
def test_a_line_with_a_checksum_that_is_no_frame_is_dropped(line: bytes) -> None:
    from zlib import crc32

    wrong = line.endswith(b" ")
    data = b"\n%08x %b\n" % (crc32(line) ^ wrong, line)
    assert Decoder().feed(data) == []


def test_a_frame_that_is_too_long_is_not_made() -> None:
    with pytest.raises(ValueError, match="a frame of"):
        encode({"id": "a", "text": "x" * LONGEST})


@pytest.mark.parametrize("said_", [None, [], [3, "x"], [1, b""], [1, None], "text"])
def test_output_that_makes_no_sense_is_told(said_: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        written({"id": "a", "said": said_})
