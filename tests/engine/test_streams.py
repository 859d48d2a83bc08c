"""The stream parsers: each input whole, byte by byte, cut anywhere, and with something after it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fake_engine import frame
from weave_http.engine.errors import StreamError
from weave_http.engine.streams import STDERR, STDOUT, Demultiplexer, JSONLines


def demultiplex(pieces: list[bytes]) -> list[tuple[int, bytes]]:
    """Return the output in `pieces`, with neighbours of the same stream joined."""
    parser = Demultiplexer()
    output: list[tuple[int, bytes]] = []
    for piece in pieces:
        for stream, data in parser.feed(piece):
            assert data
            if output and output[-1][0] == stream:
                output[-1] = (stream, output[-1][1] + data)
            else:
                output.append((stream, data))
    parser.finish()
    return output


def objects(pieces: list[bytes]) -> list[dict[str, Any]]:
    parser = JSONLines()
    return [value for piece in pieces for value in parser.feed(piece)] + parser.finish()


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Cut bytes into pieces at places taken modulo their length."""
    bounds = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in itertools.pairwise(bounds)]


def bytewise(data: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in data]


TWO_STREAMS = frame(1, b"hello\n") + frame(2, b"oh\n") + frame(1, b"") + frame(1, b"bye\n")
TWO_STREAMS_OUTPUT = [(STDOUT, b"hello\n"), (STDERR, b"oh\n"), (STDOUT, b"bye\n")]


@pytest.mark.parametrize("pieces", [[TWO_STREAMS], bytewise(TWO_STREAMS), []])
def test_output_is_taken_apart_however_it_comes(pieces: list[bytes]) -> None:
    assert demultiplex(pieces) == (TWO_STREAMS_OUTPUT if pieces else [])


def test_stream_0_counts_as_stdout() -> None:
    assert demultiplex([frame(0, b"echo")]) == [(STDOUT, b"echo")]


@pytest.mark.parametrize("cutting", [lambda data: [data], bytewise])
def test_the_first_byte_tells_a_terminal_s_output_from_a_multiplexed_one(
    cutting: Callable[[bytes], list[bytes]],
) -> None:
    def text(data: bytes) -> list[tuple[int, bytes]]:
        parser = Demultiplexer(or_raw=True)
        output = [piece for part in cutting(data) for piece in parser.feed(part)]
        parser.finish()
        return [
            (stream, b"".join(each for _, each in run)) for stream, run in itertools.groupby(output, lambda x: x[0])
        ]

    assert text(b"\nhello\x01\x00\x00\x00") == [(STDOUT, b"\nhello\x01\x00\x00\x00")]
    assert text(TWO_STREAMS) == TWO_STREAMS_OUTPUT
    assert text(b"") == []


def test_a_frame_is_handed_on_before_it_is_whole() -> None:
    parser = Demultiplexer()
    assert parser.feed(frame(1, b"x" * 1000)[:20]) == [(STDOUT, b"x" * 12)]
    assert parser.feed(b"x" * 988 + frame(2, b"!")) == [(STDOUT, b"x" * 988), (STDERR, b"!")]


@pytest.mark.parametrize("end", range(1, len(TWO_STREAMS)))
def test_output_that_is_cut_off_is_not_taken_for_whole(end: int) -> None:
    boundaries = {14, 25, 33}
    parser = Demultiplexer()
    parser.feed(TWO_STREAMS[:end])
    if end in boundaries:
        parser.finish()
    else:
        with pytest.raises(StreamError, match="cut off"):
            parser.finish()


@pytest.mark.parametrize("header", [b"\x04\0\0\0\0\0\0\x01", b"\x01\0\0\x01\0\0\0\x01", b"hello wo", b"\xff" * 8])
@pytest.mark.parametrize("whole", [True, False])
def test_what_is_not_multiplexed_is_refused(header: bytes, whole: bool) -> None:
    data = frame(1, b"fine") + header + b"x"
    with pytest.raises(StreamError, match=r"not multiplexed.*; has the container a terminal"):
        demultiplex([data] if whole else bytewise(data))


@pytest.mark.parametrize("whole", [True, False])
def test_a_failure_of_the_daemon_is_raised_in_its_words(whole: bool) -> None:
    data = frame(1, b"fine") + frame(3, b"error from\ndaemon in stream") + frame(1, b"more")
    with pytest.raises(StreamError, match=r"the daemon broke off the output: error from daemon in stream$"):
        demultiplex([data] if whole else bytewise(data))


def test_a_failure_without_words_is_one_all_the_same() -> None:
    with pytest.raises(StreamError, match="no reason given"):
        demultiplex([frame(3, b"")])


def test_a_failure_s_text_is_kept_to_a_limit() -> None:
    parser = Demultiplexer()
    parser.feed(b"\x03\0\0\0\xff\xff\xff\xff")
    parser.feed(b"a" * 65535)
    with pytest.raises(StreamError, match="aaaa"):
        parser.feed(b"a")


frames = st.lists(st.tuples(st.sampled_from([0, 1, 2]), st.binary(max_size=40)), max_size=10)


@given(frames, st.lists(st.integers(min_value=0), max_size=20))
def test_any_frames_come_out_however_they_are_cut(content: list[tuple[int, bytes]], places: list[int]) -> None:
    data = b"".join(frame(stream, payload) for stream, payload in content)
    pieces = demultiplex(cut(data, places))
    for wanted in (STDOUT, STDERR):
        sent = b"".join(payload for stream, payload in content if (stream or STDOUT) == wanted)
        assert b"".join(payload for stream, payload in pieces if stream == wanted) == sent
    assert pieces == demultiplex([data])


@given(st.binary(max_size=200), st.lists(st.integers(min_value=0), max_size=20))
def test_any_bytes_are_understood_alike_however_they_are_cut(data: bytes, places: list[int]) -> None:
    def outcome(pieces: list[bytes]) -> object:
        try:
            return demultiplex(pieces)
        except StreamError as error:
            return str(error)

    assert outcome(cut(data, places)) == outcome([data])


# -- JSON --------------------------------------------------------------------------------------------------

LINES = b'{"a":1}\r\n\n\x1e{"b":"\\u001e\\n"}\n{"c":{"d":[1]}}\n'
OBJECTS: list[dict[str, Any]] = [{"a": 1}, {"b": "\x1e\n"}, {"c": {"d": [1]}}]


@pytest.mark.parametrize("pieces", [[LINES], bytewise(LINES), [LINES.rstrip()], bytewise(LINES.rstrip())])
def test_objects_are_taken_apart_however_they_come(pieces: list[bytes]) -> None:
    assert objects(pieces) == OBJECTS


def test_an_object_is_handed_on_as_soon_as_its_line_ends() -> None:
    parser = JSONLines()
    assert parser.feed(b'{"a":1}') == []
    assert parser.feed(b'\n{"b"') == [{"a": 1}]
    assert parser.feed(b":2}\n") == [{"b": 2}]
    assert parser.finish() == []


@pytest.mark.parametrize("end", range(1, len(b'{"a":1}')))
def test_an_object_that_is_cut_off_is_refused(end: int) -> None:
    with pytest.raises(StreamError, match="where a JSON object was expected"):
        objects([LINES + b'{"a":1}'[:end]])


@pytest.mark.parametrize("line", [b"upstream timed out", b"[1]", b'"text"', b"1", b"{", b"\xff\xfe", b"[" * 100_000])
@pytest.mark.parametrize("whole", [True, False])
def test_what_is_no_object_is_refused_and_shown(line: bytes, whole: bool) -> None:
    data = b'{"a":1}\n' + line + b"\n"
    with pytest.raises(StreamError, match="where a JSON object was expected") as raised:
        objects([data] if whole else cut(data, [3, 9, 12]))
    assert len(str(raised.value)) < 400


def test_an_endless_line_is_refused() -> None:
    parser = JSONLines()
    for _ in range(16):
        parser.feed(b"x" * (1 << 20))
    with pytest.raises(StreamError, match="more than 16 MiB"):
        parser.feed(b"x")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
json_objects = st.lists(st.dictionaries(st.text(max_size=5), json_values, max_size=4), max_size=6)


@given(json_objects, st.sampled_from([b"\n", b"\r\n"]), st.booleans(), st.lists(st.integers(min_value=0), max_size=20))
def test_any_objects_come_out_however_they_are_cut(
    values: list[dict[str, Any]], ending: bytes, separated: bool, places: list[int]
) -> None:
    begin = b"\x1e" if separated else b""
    data = b"".join(begin + json.dumps(value, ensure_ascii=False).encode() + ending for value in values)
    assert objects(cut(data, places)) == values
