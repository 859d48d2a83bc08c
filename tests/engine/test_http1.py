"""The parser of HTTP answers: whole, byte by byte, cut anywhere, and with something after the end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.test_streams import bytewise, cut
from weave_http.engine.wire.http1 import CutShort, Garbage, Head, ResponseParser, request_head


def parse(pieces: list[bytes], method: str = "GET", *, ends: bool = False) -> tuple[Head, bytes, ResponseParser]:
    """Feed pieces, and the end of the connection if it `ends`; return head, body and parser."""
    answer = ResponseParser(method)
    body = b"".join(data for piece in pieces for data in answer.feed(piece))
    if ends:
        answer.finish()
    assert answer.head is not None
    return answer.head, body, answer


COUNTED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{'a':1}"
CHUNKED = (
    b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{'a\r\n4;x=y\r\n':1}\r\n0\r\nTrailer: z\r\n\r\n"
)
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n{'a':1}"
EMPTY = b"HTTP/1.1 204 No Content\r\nApi-Version: 1.41\r\n\r\n"
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103\r\nLink: x\r\n\r\n" + COUNTED


@pytest.mark.parametrize("in_bytes", [False, True])
@pytest.mark.parametrize(
    ("data", "status", "body"),
    [(COUNTED, 200, b"{'a':1}"), (CHUNKED, 201, b"{'a':1}"), (EMPTY, 204, b""), (INTERIM, 200, b"{'a':1}")],
)
def test_an_answer_comes_out_however_it_comes_in(data: bytes, status: int, body: bytes, in_bytes: bool) -> None:
    head, read, answer = parse(bytewise(data) if in_bytes else [data])
    assert (head.status, read) == (status, body)
    assert answer.ended
    assert answer.reusable


@pytest.mark.parametrize("in_bytes", [False, True])
def test_a_body_without_a_length_ends_with_the_connection(in_bytes: bool) -> None:
    pieces = bytewise(UNTIL_CLOSE) if in_bytes else [UNTIL_CLOSE]
    head, body, answer = parse(pieces)
    assert (head.status, body) == (200, b"{'a':1}")
    before = answer.ended
    answer.finish()
    assert (before, answer.ended, answer.reusable) == (False, True, False)


@pytest.mark.parametrize("in_bytes", [False, True])
@pytest.mark.parametrize("data", [COUNTED, CHUNKED, EMPTY])
def test_what_comes_after_the_end_is_kept_apart(data: bytes, in_bytes: bool) -> None:
    pieces = bytewise(data + b"extra") if in_bytes else [data + b"extra"]
    _, body, answer = parse(pieces)
    assert body in (b"{'a':1}", b"")
    assert answer.rest == b"extra"
    assert not answer.reusable


def test_after_switching_protocols_the_rest_is_the_new_protocol_s() -> None:
    data = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nearly output"
    head, body, answer = parse([data], "POST")
    assert (head.status, body, answer.rest) == (101, b"", b"early output")
    assert not answer.reusable


def test_an_answer_to_head_has_no_body() -> None:
    head, body, answer = parse([b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"], "HEAD")
    assert (head.headers["content-length"], body) == ("100", b"")
    assert answer.reusable


@pytest.mark.parametrize("line", [b"Connection: close", b"connection: x, Close"])
def test_a_connection_to_be_closed_is_not_reusable(line: bytes) -> None:
    assert not parse([b"HTTP/1.1 200 OK\r\n" + line + b"\r\nContent-Length: 0\r\n\r\n"])[2].reusable
    assert not parse([b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"])[2].reusable


def test_header_fields_are_lower_case_and_repeated_ones_joined() -> None:
    head, _, _ = parse([b"HTTP/1.1 200\nX-One:  a \nx-one: b\nEmpty:\nContent-Length: 0, 0\n\n"])
    assert head.headers == {"x-one": "a, b", "empty": "", "content-length": "0, 0"}


@pytest.mark.parametrize("data", [COUNTED, CHUNKED, EMPTY])
def test_an_answer_that_is_cut_off_anywhere_is_not_taken_for_whole(data: bytes) -> None:
    for end in range(len(data)):
        answer = ResponseParser("GET")
        answer.feed(data[:end])
        with pytest.raises(CutShort):
            answer.finish()


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 0200 OK\r\n\r\n",
        b"HTTP/1.1 200OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nBad name: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}XX0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 5000,
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
    ],
)
@pytest.mark.parametrize("in_bytes", [False, True])
def test_what_is_not_http_is_refused(data: bytes, in_bytes: bool) -> None:
    with pytest.raises(Garbage):
        parse(bytewise(data) if in_bytes else [data])


headers = st.dictionaries(
    st.from_regex(r"[a-z]([a-z-]{0,8}[a-z])?", fullmatch=True).filter(
        lambda name: name not in ("connection", "content-length", "transfer-encoding")
    ),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20),
    max_size=5,
)
places = st.lists(st.integers(min_value=0), max_size=20)


@given(headers, st.lists(st.binary(min_size=1, max_size=50), max_size=6), st.booleans(), places)
def test_any_answer_comes_out_however_it_is_cut(
    fields: dict[str, str], chunks: list[bytes], chunked: bool, where: list[int]
) -> None:
    body = b"".join(chunks)
    framing = "transfer-encoding: chunked" if chunked else f"content-length: {len(body)}"
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    data = f"HTTP/1.1 200 OK\r\n{head}{framing}\r\n\r\n".encode()
    data += b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n" if chunked else body
    parsed, read, answer = parse(cut(data, where))
    assert read == body
    assert {name: value for name, value in parsed.headers.items() if name in fields} == fields
    assert answer.reusable


@given(st.sampled_from([b"", COUNTED[:40], CHUNKED[:50]]), st.binary(max_size=120), places)
def test_any_bytes_are_understood_alike_however_they_are_cut(begin: bytes, noise: bytes, where: list[int]) -> None:
    def outcome(pieces: list[bytes]) -> object:
        answer = ResponseParser("GET")
        try:
            body = b"".join(data for piece in pieces for data in answer.feed(piece))
        except Garbage:
            return "garbage"
        return answer.head, body, answer.ended, answer.rest

    assert outcome(cut(begin + noise, where)) == outcome([begin + noise])


def test_the_head_of_a_request() -> None:
    assert request_head("GET", "/_ping?a=b", [("Host", "x"), ("X", "1")]) == (
        b"GET /_ping?a=b HTTP/1.1\r\nHost: x\r\nX: 1\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("target", "value"), [("/a b", "x"), ("/a\r\nHost: y", "x"), ("/a", "x\r\nEvil: y"), ("/a", "x\ny")]
)
def test_a_request_can_t_be_made_to_break_its_framing(target: str, value: str) -> None:
    with pytest.raises(ValueError, match="line ends or blanks"):
        request_head("GET", target, [("X", value)])
