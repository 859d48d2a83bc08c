from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from weave_http.errors import UsageError
from weave_http.operations.hostnames import from_labels, is_inside, parse_hostname, reverse_address


def test_a_name_is_kept_in_lower_case_without_its_last_dot() -> None:
    assert parse_hostname("C1.Weave.Local.") == "c1.weave.local"
    assert parse_hostname("a_b-c") == "a_b-c"


@pytest.mark.parametrize("text", ["", ".", "a..b", "-a", "a-", "a b", "ü.local", "a" * 64, ".".join(["a" * 60] * 5)])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="invalid name"):
        parse_hostname(text)


def test_inside_is_below_by_whole_labels() -> None:
    assert is_inside("a.b.weave.local", "weave.local")
    assert not is_inside("weave.local", "weave.local")
    assert not is_inside("notweave.local", "weave.local")


def test_labels_and_reverse_names() -> None:
    assert from_labels([b"C1", b"local"]) == "c1.local"
    assert from_labels([b"a.b", b"local"]) == ""
    assert reverse_address("4.3.2.10.in-addr.arpa") == IPv4Address("10.2.3.4")
    for name in (
        "4.3.2.in-addr.arpa",
        "256.3.2.10.in-addr.arpa",
        "04.3.2.10.in-addr.arpa",
        "x.3.2.10.in-addr.arpa",
        "",
    ):
        assert reverse_address(name) is None
