from __future__ import annotations

from ipaddress import ip_address

import pytest

from weave_http.router.mesh import fields
from weave_http.router.mesh.facts import GREATEST_VERSION, Stamp
from weave_http.router.mesh.fields import Malformed


def test_an_address_is_a_value_and_the_same_one_each_time() -> None:
    for text in ("192.0.2.1", "2001:db8::1"):
        assert fields.an_address(text) == ip_address(text)
        assert fields.an_address(text) is fields.an_address(text)


@pytest.mark.parametrize("value", ["192.0.2.256", "fe80::1%eth0", "h1", "", 1, None, b"\xc0\x00\x02\x01", True])
def test_what_is_no_address_is_malformed(value: object) -> None:
    with pytest.raises(Malformed, match="where an address belongs"):
        fields.an_address(value)


@pytest.mark.parametrize("value", ["7A:00:00:00:00:01", "01:00:00:00:00:01", "", 7, None, ["7a:00:00:00:00:01"]])
def test_what_is_no_peer_name_is_malformed(value: object) -> None:
    with pytest.raises(Malformed, match="where a peer name belongs"):
        fields.a_peer(value)


def test_a_stamp_is_within_the_bound_of_the_clock() -> None:
    assert fields.a_stamp(9, GREATEST_VERSION, 9) == Stamp(9, GREATEST_VERSION)
    for uid, version in ((10, 1), (9, GREATEST_VERSION + 1), (-1, 1), (1, -1), (True, 1), ("1", 1)):
        with pytest.raises(Malformed):
            fields.a_stamp(uid, version, 9)


def test_texts_are_printable_and_not_long() -> None:
    assert fields.a_text("x" * fields.LONGEST_TEXT) == "x" * 255
    for value in ("x" * 256, "\x1b[2J", 1, None, b"x"):
        with pytest.raises(Malformed):
            fields.a_text(value)
