"""What is answered to which question, and what is not answered here."""

from __future__ import annotations

from collections.abc import Callable, MutableSequence
from random import Random

import pytest
from dnslib import QTYPE, RCODE, DNSRecord
from hypothesis import given
from hypothesis import strategies as st

from tests.router.names.queries import addresses, query
from weave_http.addresses import IP, parse_ip
from weave_http.operations.hostnames import reverse_address
from weave_http.router.names.answers import LARGEST_QUERY, Answerer, Query, cut, parse, refuse

KNOWN = {
    "c1.weave.local": ["10.2.1.1"],
    "web.weave.local": ["10.2.1.1", "10.2.1.2", "10.2.1.3"],
    "many.weave.local": [f"10.9.{number >> 8}.{number & 255}" for number in range(1000)],
    "a.b.weave.local": ["10.2.1.4"],
    "both.weave.local": ["10.2.1.5", "fd00:2::5"],
    "six.weave.local": ["fd00:2::6"],
}


def hostnames(address: IP) -> list[str]:
    return [name for name, given in KNOWN.items() if str(address) in given]


def known_addresses(name: str) -> list[IP]:
    return list(map(parse_ip, KNOWN.get(name, [])))


def answerer(shuffle: Callable[[MutableSequence[IP]], None] = lambda items: None) -> Answerer:
    return Answerer("weave.local", 1, known_addresses, hostnames, shuffle=shuffle)


def ask(data: bytes, limit: int = 65535) -> DNSRecord | None:
    parsed = parse(data)
    assert isinstance(parsed, Query)
    reply = answerer().answer(parsed, limit)
    return None if reply is None else DNSRecord.parse(reply)


def outcome(name: str, kind: str = "A") -> tuple[str, int] | None:
    """Response code and number of answers, None for a question that goes elsewhere."""
    reply = ask(query(name, kind))
    return None if reply is None else (RCODE.get(reply.header.rcode), len(reply.rr))


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("c1.weave.local.", "A", ("NOERROR", 1)),
        ("C1.Weave.LOCAL.", "A", ("NOERROR", 1)),
        ("web.weave.local.", "A", ("NOERROR", 3)),
        ("web.weave.local.", "ANY", ("NOERROR", 3)),
        ("a.b.weave.local.", "A", ("NOERROR", 1)),
        ("c1.weave.local.", "AAAA", ("NOERROR", 0)),
        ("both.weave.local.", "AAAA", ("NOERROR", 1)),
        ("both.weave.local.", "ANY", ("NOERROR", 2)),
        ("six.weave.local.", "A", ("NOERROR", 0)),
        ("six", "AAAA", ("NOERROR", 1)),
        (f"{parse_ip('fd00:2::6').reverse_pointer}.", "PTR", ("NOERROR", 1)),
        (parse_ip("fd00:2::6").reverse_pointer[2:] + ".", "PTR", None),
        ("c1.weave.local.", "MX", ("NOERROR", 0)),
        ("c9.weave.local.", "A", ("NXDOMAIN", 0)),
        ("c9.weave.local.", "AAAA", ("NXDOMAIN", 0)),
        ("weave.local.", "A", ("NOERROR", 0)),
        ("c1.", "A", ("NOERROR", 1)),
        ("C1", "AAAA", ("NOERROR", 0)),
        ("c9", "A", ("NXDOMAIN", 0)),
        ("com.", "NS", None),
        (".", "NS", None),
        ("example.com.", "A", None),
        ("notweave.local.", "A", None),
        ("c1.weave.local.example.com.", "A", None),
        ("1.1.2.10.in-addr.arpa.", "PTR", ("NOERROR", 2)),
        ("9.9.2.10.in-addr.arpa.", "PTR", None),
        ("01.1.2.10.in-addr.arpa.", "PTR", None),
        ("1.1.2.in-addr.arpa.", "PTR", None),
        ("1.1.2.10.in-addr.arpa.", "A", None),
    ],
)
def test_each_question_has_its_answer(name: str, kind: str, expected: tuple[str, int] | None) -> None:
    assert outcome(name, kind) == expected


def test_an_answer_repeats_number_and_question_as_spelt_and_says_for_how_long_it_counts() -> None:
    reply = ask(query("c1.WeAvE.local.", number=4711))
    assert reply is not None
    header = reply.header
    assert (header.id, header.qr, header.aa, header.ra, header.rd, header.tc) == (4711, 1, 1, 1, 1, 0)
    assert reply.q.qname.label == reply.rr[0].rname.label == (b"c1", b"WeAvE", b"local")
    assert [(str(record.rdata), record.ttl) for record in reply.rr] == [("10.2.1.1", 1)]


def test_names_of_an_address_are_complete_ones() -> None:
    reply = ask(query("2.1.2.10.in-addr.arpa.", "PTR"))
    assert reply is not None
    assert [str(record.rdata) for record in reply.rr] == ["web.weave.local."]


def test_all_addresses_come_in_a_new_order_each_time() -> None:
    parsed = parse(query("web.weave.local."))
    assert isinstance(parsed, Query)
    it = answerer(Random(1).shuffle)
    seen = {tuple(addresses(it.answer(parsed, 512))) for _ in range(100)}
    assert {frozenset(order) for order in seen} == {frozenset(KNOWN["web.weave.local"])}
    assert len(seen) == 6


@pytest.mark.parametrize(("size", "limit"), [(0, 512), (512, 512), (100, 512), (1232, 1232), (9000, 4096)])
def test_over_udp_as_many_addresses_come_as_fit_and_a_mark_that_it_is_not_all(size: int, limit: int) -> None:
    parsed = parse(query("many.weave.local.", size=size))
    assert isinstance(parsed, Query)
    assert parsed.size == limit
    reply = answerer().answer(parsed, parsed.size)
    assert reply is not None
    assert limit - 64 < len(reply) <= limit
    record = DNSRecord.parse(reply)
    assert (record.header.tc, [extra.rtype for extra in record.ar]) == (1, [QTYPE.OPT] if size else [])


def test_over_tcp_all_come() -> None:
    reply = ask(query("many.weave.local.", size=1232))
    assert reply is not None
    assert (len(reply.rr), reply.header.tc) == (1000, 0)


def test_another_version_of_edns_is_told_so() -> None:
    reply = ask(query("c1.weave.local.", size=1232, version=1))
    assert reply is not None
    assert (reply.header.rcode, reply.ar[0].ttl >> 24, len(reply.rr)) == (0, 1, 0)


def test_another_class_is_not_implemented() -> None:
    reply = ask(query("c1.weave.local.", qclass=3))
    assert reply is not None
    assert RCODE.get(reply.header.rcode) == "NOTIMP"


def test_refusals_and_cuts_repeat_the_question() -> None:
    parsed = parse(query("example.com.", number=9, size=1232))
    assert isinstance(parsed, Query)
    failed, short = DNSRecord.parse(refuse(parsed)), DNSRecord.parse(cut(parsed))
    assert (failed.header.id, RCODE.get(failed.header.rcode), str(failed.q.qname)) == (9, "SERVFAIL", "example.com.")
    assert (short.header.tc, short.header.rcode, len(short.ar)) == (1, 0, 1)


def _code(data: bytes) -> str | None:
    """What a packet that is no query is answered with."""
    reply = parse(data)
    assert not isinstance(reply, Query)
    return None if reply is None else str(RCODE.get(DNSRecord.parse(reply).header.rcode))


def test_what_is_no_query_is_complained_about_or_dropped() -> None:
    good = query("c1.weave.local.")
    assert _code(b"") is None
    assert _code(good[:11]) is None
    assert _code(good[:2] + b"\x80" + good[3:]) is None, "a reply"
    assert _code(good[:2] + b"\x28" + good[3:]) == "NOTIMP", "an update"
    assert _code(good[:4] + b"\0\2" + good[6:]) == "FORMERR", "two questions"
    assert _code(good[:6] + b"\0\1" + good[8:]) == "FORMERR", "with an answer"
    assert _code(good[:-5]) == "FORMERR", "cut"
    assert _code(good[:12] + b"\xc0\x0c" + good[-4:]) == "FORMERR", "a name that is its own beginning"
    assert _code(good + b"\0" * LARGEST_QUERY) == "FORMERR", "too long"
    assert _code(
        good[:12] + b"\x3f" + b"a" * 63 + b"\x3f" + b"b" * 63 + b"\x3f" + b"c" * 63 + b"\x3f" + b"d" * 63 + good[-5:]
    ) == ("FORMERR"), "a name too long"


def test_a_label_with_a_dot_in_it_is_another_name() -> None:
    good = query("x")
    data = good[:12] + b"\x08c1.weave\x05local\0" + good[-4:]
    parsed = parse(data)
    assert isinstance(parsed, Query)
    assert answerer().answer(parsed, 512) is None


@given(st.binary(max_size=80), st.booleans())
def test_any_bytes_are_dropped_answered_or_passed_on(data: bytes, header: bool) -> None:
    whole = query("c1.weave.local.")[: 12 if header else 0] + data
    parsed = parse(whole)
    if isinstance(parsed, Query):
        answerer().answer(parsed, parsed.size)
        refuse(parsed)


@given(st.data())
def test_a_query_with_some_bytes_replaced_is_harmless(data: st.DataObject) -> None:
    whole = bytearray(query("web.weave.local.", size=1232))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    parsed = parse(bytes(whole))
    if isinstance(parsed, Query):
        reply = answerer().answer(parsed, parsed.size)
        assert reply is None or len(reply) <= parsed.size


def test_an_answer_that_was_given_before_has_the_new_number_and_the_present_address() -> None:
    known = {"c1.weave.local": ["10.2.1.1"]}
    it = Answerer("weave.local", 1, lambda name: list(map(parse_ip, known.get(name, []))), lambda address: [])
    for number, expected in ((1, ["10.2.1.1"]), (2, ["10.2.1.1"]), (3, ["10.2.1.9"]), (4, [])):
        if number == 3:
            known["c1.weave.local"] = ["10.2.1.9"]
        elif number == 4:
            known.clear()
        parsed = parse(query("c1.weave.local", number=number))
        assert isinstance(parsed, Query)
        reply = it.answer(parsed, 512)
        assert reply is not None
        assert (DNSRecord.parse(reply).header.id, addresses(reply)) == (number, expected)
    complaints = [parse(query("x", number=number)[:-2]) for number in (258, 259)]
    assert [complaint[:2] for complaint in complaints if isinstance(complaint, bytes)] == [b"\1\2", b"\1\3"]


def test_what_is_kept_for_the_next_one_who_asks_is_limited() -> None:
    it = Answerer("weave.local", 1, lambda name: [parse_ip("10.2.1.1")], lambda address: [])
    for number in range(3000):
        parsed = parse(query(f"n{number}.weave.local"))
        assert isinstance(parsed, Query)
        assert addresses(it.answer(parsed, 512)) == ["10.2.1.1"]
    assert len(it._replies) <= 1024


@given(st.ip_addresses())
def test_every_address_is_found_by_its_reverse_name(address: IP) -> None:
    assert reverse_address(address.reverse_pointer) == address
    assert reverse_address(f"0.{address.reverse_pointer}") is None


def test_an_answer_has_addresses_of_the_kind_that_was_asked_for() -> None:
    replies = [ask(query("both", kind)) for kind in ("A", "AAAA", "ANY")]
    assert [[str(record.rdata) for record in reply.rr] for reply in replies if reply] == [
        ["10.2.1.5"],
        ["fd00:2::5"],
        ["10.2.1.5", "fd00:2::5"],
    ]
