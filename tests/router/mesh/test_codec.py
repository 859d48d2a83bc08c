from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.router.mesh.loopback import CODEC
from tests.router.mesh.worlds import address, facts, hello, hellos, name, names, numbers, said, stamps, texts, updates
from weave_http.addresses import parse_ip
from weave_http.records import replace
from weave_http.router.mesh import codec
from weave_http.router.mesh.codec import Codec
from weave_http.router.mesh.facts import GREATEST_VERSION, Fact, Stamp, greatest_uid
from weave_http.router.mesh.fields import Malformed
from weave_http.router.mesh.membership import FACTS_PER_MESSAGE, LINKS_PER_MESSAGE, Facts, Membership
from weave_http.router.mesh.messages import (
    MOST_STAMPS,
    Accept,
    Answer,
    Ask,
    Beat,
    Goodbye,
    Have,
    Hello,
    Message,
    Ping,
    Pong,
    Refuse,
    Unknown,
)
from weave_http.router.mesh.topology import Link, PeerInfo
from weave_http.router.names.gossip import NameGossip
from weave_http.router.names.packing import CHANGES_PER_MESSAGE, Names
from weave_http.router.names.register import Change, Name, Update

_messages: st.SearchStrategy[Message] = st.one_of(
    hellos,
    st.builds(Refuse, texts, texts),
    st.lists(facts, max_size=FACTS_PER_MESSAGE).map(said),
    st.builds(Have, texts, st.lists(st.tuples(names, stamps), max_size=9).map(tuple)),
    st.builds(Names, updates, st.booleans()),
    st.builds(Ask, numbers, st.booleans()),
    st.builds(Answer, numbers, st.booleans()),
    st.sampled_from([Accept(), Beat(), Ping(), Pong(), Goodbye()]),
)
_anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(0, 9), inner),
    max_leaves=20,
)


def _decode(value: object) -> Message:
    return CODEC.decode(msgpack.packb(value))


@given(_messages)
def test_what_is_encoded_is_decoded(message: Message) -> None:
    frame = CODEC.encode(message)
    size = codec.frame_size(frame[: codec.HEADER_SIZE])
    assert size == len(frame) - codec.HEADER_SIZE
    assert _read(CODEC.decode(frame[codec.HEADER_SIZE :])) == _read(message)


def _read(message: Message) -> object:
    """A message, or the facts in it, which are looked at only when their stamps are later than what is known."""
    return [claim.read() for claim in message.claims] if isinstance(message, Facts) else message


@given(st.binary(max_size=400))
def test_garbage_is_malformed_and_nothing_worse(payload: bytes) -> None:
    with pytest.raises(Malformed):
        CODEC.decode(payload)


@given(_anything)
def test_other_msgpack_is_malformed_and_nothing_worse(value: Any) -> None:
    with pytest.raises(Malformed):
        _decode(value)


def test_kinds_and_keys_of_a_later_version_are_passed_over() -> None:
    assert _decode({"t": "shout", "how": [1, b"loud"]}) == Unknown("shout")
    assert _decode({"t": "ping", "x": 1}) == Ping()
    assert _decode({"t": "ask", "connection": 7, "outbound": True, "why": {}}) == Ask(7, True)
    fact = {"name": name(1), "uid": 1, "version": 1, "nickname": "h", "port": 1, "links": [], "colour": "red"}
    (claim,) = _decode({"t": "facts", "peers": [fact], "more": 1}).claims  # type: ignore[attr-defined]
    assert claim.read() == Fact(name(1), Stamp(1, 1), PeerInfo("h", 1))


def test_an_unknown_kind_may_not_be_long() -> None:
    assert isinstance(_decode({"t": "shout", "x": b"x" * (codec.UNKNOWN_LIMIT - 99)}), Unknown)
    with pytest.raises(Malformed, match="unknown kind 'shout' with more than"):
        _decode({"t": "shout", "x": b"x" * codec.UNKNOWN_LIMIT})


def test_a_topic_adds_kinds_of_its_own() -> None:
    names = Names(Update(name(1), Stamp(1, 1), 0, ()))
    assert isinstance(Codec(Membership.kinds).decode(CODEC.encode(names)[codec.HEADER_SIZE :]), Unknown)


@given(_messages, st.data())
def test_a_message_with_one_value_replaced_is_well_formed_or_malformed(message: Message, data: st.DataObject) -> None:
    fields = msgpack.unpackb(CODEC.encode(message)[codec.HEADER_SIZE :])
    place: Any = fields
    while True:
        key = data.draw(st.sampled_from(sorted(place)) if isinstance(place, dict) else st.integers(0, len(place) - 1))
        if isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans()):
            place = place[key]
        else:
            break
    place[key] = data.draw(_anything)
    try:
        decoded = _decode(fields)
        _read(decoded)
    except Malformed:
        return
    if not isinstance(decoded, Unknown):
        CODEC.encode(decoded)


@given(_messages, st.data())
def test_a_cut_message_is_malformed(message: Message, data: st.DataObject) -> None:
    payload = CODEC.encode(message)[codec.HEADER_SIZE :]
    with pytest.raises(Malformed):
        CODEC.decode(payload[: data.draw(st.integers(0, len(payload) - 1))])


def test_a_missing_field_is_named() -> None:
    with pytest.raises(Malformed, match="a message hello without 'name'"):
        _decode({"t": "hello"})
    fact = {"name": name(1), "uid": 1, "version": 1, "nickname": "h", "port": 1}
    with pytest.raises(Malformed, match="a fact without 'links'"):
        _read(_decode({"t": "facts", "peers": [fact]}))


def test_stamps_far_ahead_of_the_clock_are_malformed_wherever_they_stand() -> None:
    clock = 1_800_000_000.0
    ours = Codec((*Membership.kinds, *NameGossip.kinds), clock=lambda: clock)

    def decode(message: Message) -> Message:
        return ours.decode(ours.encode(message)[codec.HEADER_SIZE :])

    last = greatest_uid(clock)
    info = PeerInfo("h", 6783)
    for uid, version in ((last, GREATEST_VERSION), (last + 1, 1), (1, GREATEST_VERSION + 1), (2**63 - 1, 1)):
        stamp = Stamp(uid, version)
        update = Update(name(1), stamp, 0, ())
        for message in (said([Fact(name(1), stamp, info)]), Have("names", ((name(1), stamp),)), Names(update)):
            if stamp <= Stamp(last, GREATEST_VERSION) and version <= GREATEST_VERSION:
                assert _read(decode(message)) == _read(message)
            else:
                with pytest.raises(Malformed):
                    decode(message)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "7A:00:00:00:00:01"),
        ("name", "01:00:00:00:00:01"),
        ("name", "00:00:00:00:00:00"),
        ("name", 1),
        ("nickname", "\x1b[2J"),
        ("nickname", "x" * 256),
        ("nickname", None),
        ("uid", -1),
        ("uid", True),
        ("uid", 2**63),
        ("uid", 1.0),
        ("port", 0),
        ("port", 65536),
        ("connection", "1"),
        ("features", "names"),
        ("features", [1]),
        ("features", ["x"] * 65),
    ],
)
def test_each_field_of_a_hello_has_its_bounds(field: str, value: object) -> None:
    good = {"t": "hello", "name": name(1), "nickname": "h", "uid": 1, "port": 6783, "connection": 1}
    assert _decode(good) == Hello(name(1), "h", 1, 6783, 1)
    with pytest.raises(Malformed):
        _decode({**good, field: value})


@pytest.mark.parametrize(
    "link",
    [
        [name(2), "192.0.2.2", 6783],
        [name(2), "192.0.2.2", 6783, 1],
        [name(2), "192.0.2.2", 0, True],
        [name(2), "192.0.2.256", 1, True],
        [name(2), "::1%eth0", 1, True],
        [name(2), b"\xc0\x00\x02\x02", 1, True],
        ["x", "192.0.2.2", 1, True],
        {},
    ],
)
def test_each_part_of_a_connection_has_its_bounds(link: object) -> None:
    fact = {"name": name(1), "uid": 1, "version": 1, "nickname": "h", "port": 1, "links": [link]}
    with pytest.raises(Malformed):
        _read(_decode({"t": "facts", "peers": [fact]}))


def test_more_facts_than_a_message_holds_are_malformed() -> None:
    fact = {"name": name(1), "uid": 1, "version": 1, "nickname": "h", "port": 1, "links": []}
    assert isinstance(_decode({"t": "facts", "peers": [fact] * FACTS_PER_MESSAGE}), Facts)
    with pytest.raises(Malformed):
        _decode({"t": "facts", "peers": [fact] * (FACTS_PER_MESSAGE + 1)})


def test_a_nested_bomb_and_a_claimed_giant_are_malformed() -> None:
    for payload in (b"\x91" * 60000, b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff"):
        with pytest.raises(Malformed):
            CODEC.decode(payload)


def test_the_largest_messages_fit_into_a_frame() -> None:
    links = tuple(Link(name(1), address(255), False) for _ in range(LINKS_PER_MESSAGE // FACTS_PER_MESSAGE))
    fact = Fact(name(1), Stamp(2**50, GREATEST_VERSION), PeerInfo("x" * 255, 65535, links))
    change = Change(1, Name("x" * 253, parse_ip("255.255.255.255"), "x" * 64), True)
    changes = tuple(replace(change, version=2**39 + number) for number in range(CHANGES_PER_MESSAGE))
    stamps = ((name(1), Stamp(2**50, GREATEST_VERSION)),) * MOST_STAMPS
    for message in (
        said([fact] * FACTS_PER_MESSAGE),
        said([replace(fact, value=PeerInfo("x", 1, links * FACTS_PER_MESSAGE))]),
        Names(Update(name(1), Stamp(2**50, 2**40), 0, changes)),
        Have("names", stamps),
    ):
        frame = CODEC.encode(message)
        assert codec.frame_size(frame[: codec.HEADER_SIZE]) < codec.LIMIT
        assert type(CODEC.decode(frame[codec.HEADER_SIZE :])) is type(message)


def test_sizes_are_limited_before_anything_is_read() -> None:
    assert codec.frame_size(b"\x00\x00\x20\x00", codec.HANDSHAKE_LIMIT) == 8192
    for header, limit in ((b"\x00\x00\x20\x01", codec.HANDSHAKE_LIMIT), (b"\x00\x08\x00\x01", codec.LIMIT)):
        with pytest.raises(Malformed, match="a frame of"):
            codec.frame_size(header, limit)
    with pytest.raises(Malformed):
        codec.frame_size(b"\x00\x00\x00\x00")


def test_a_long_reason_is_cut_to_what_a_text_may_have() -> None:
    decoded = CODEC.decode(CODEC.encode(Refuse("limit", "ä" * 200))[codec.HEADER_SIZE :])
    assert decoded == Refuse("limit", "ä" * 127)


def test_a_hello_fits_into_a_frame_of_the_handshake() -> None:
    assert len(CODEC.encode(hello(1))) < 200


def test_the_prelude_tells_the_versions() -> None:
    assert codec.read_prelude(codec.prelude((1, 7))) == (1, 7)
    assert len(codec.prelude()) == codec.PRELUDE_SIZE


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"GET / HTTP/1", "does not speak"),
        (b"weave\x01\x02\x00\x00\x00\x05\x00", "original Weave"),
        (b"weave-http\x02\x01", "no version"),
    ],
)
def test_another_prelude_is_told_apart(data: bytes, complaint: str) -> None:
    with pytest.raises(Malformed, match=complaint):
        codec.read_prelude(data)


def test_an_original_router_is_known_by_all_that_it_sends_before_it_waits() -> None:
    with pytest.raises(Malformed, match="original Weave"):
        codec.check_prelude(b"weave\x01\x02")
    codec.check_prelude(codec.prelude()[: codec.ORIGINAL_PRELUDE_SIZE])


def test_changes_of_names_come_in_order_and_within_what_the_update_says() -> None:
    def names_message(*versions: int, base: int = 0, version: int = 9) -> dict[str, object]:
        changes = [[each, "c1.weave.local", "10.2.1.1", "x", True] for each in versions]
        fields = {"origin": name(1), "uid": 1, "version": version, "base": base, "changes": changes, "more": False}
        return {"t": "names", **fields}

    assert isinstance(_decode(names_message(1, 4, 9)), Names)
    for wrong in (
        names_message(1, 1),
        names_message(2, 1),
        names_message(10),
        names_message(4, base=4),
        names_message(base=9),
        names_message(*range(1, 1026), version=2000),
    ):
        with pytest.raises(Malformed):
            _decode(wrong)
