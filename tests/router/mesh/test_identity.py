from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weave_http.errors import UsageError
from weave_http.router.mesh.identity import PeerName, goes_first, is_peer_name, parse_peer_name, random_peer_name


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("7a:00:00:00:00:01", "7a:00:00:00:00:01"),
        ("7A:0:0:0:0:1", "7a:00:00:00:00:01"),
        ("::1", "00:00:00:00:00:01"),
        ("7a::", "7a:00:00:00:00:00"),
        ("7a::1:2", "7a:00:00:00:01:02"),
    ],
)
def test_zero_pairs_may_be_left_out(text: str, parsed: str) -> None:
    assert parse_peer_name(text) == parsed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "::",
        "x",
        "1:2:3:4:5",
        "1:2:3:4:5:6:7",
        "01:00:00:00:00:01",
        "7a:00:00:00:00:1g",
        "1::2::3",
        "7a00::1",
        "123::",
    ],
)
def test_what_no_bridge_could_have_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="invalid peer name"):
        parse_peer_name(text)


@given(st.text(alphabet="0123456789abcdefABCDEFxg:", max_size=20))
def test_whatever_is_typed_gives_a_name_or_one_line(text: str) -> None:
    try:
        parsed = parse_peer_name(text)
    except UsageError as refused:
        complaint = str(refused)
        assert "\n" not in complaint
    else:
        assert is_peer_name(parsed)


def test_random_names_are_unicast_and_local() -> None:
    names = {random_peer_name() for _ in range(200)}
    assert len(names) == 200
    assert all(is_peer_name(name) and int(name[:2], 16) & 3 == 2 for name in names)


def test_one_of_two_goes_first_and_of_many_each_does_with_about_half() -> None:
    names = [PeerName(f"02:00:00:00:01:{number:02x}") for number in range(40)]
    first = {me: [peer for peer in names if peer != me and goes_first(me, peer)] for me in names}
    assert all((b in first[a]) != (a in first[b]) for a in names for b in names if a != b)
    assert all(10 <= len(peers) <= 30 for peers in first.values())
