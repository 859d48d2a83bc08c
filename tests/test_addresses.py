"""CIDRs first, then what they are for; and where peers are."""

from ipaddress import IPv4Interface, IPv4Network, IPv6Address

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from weave_http.addresses import (
    GREATEST_PORT,
    PeerAddress,
    Subnet,
    endpoint,
    leading_addresses,
    parse_cidr,
    parse_peer_address,
    parse_wanted,
)
from weave_http.errors import UsageError


@pytest.mark.parametrize(
    "text",
    [
        "10.2.1.1/24",
        "1.0.0.1/8",
        "10.2.1.0/31",
        "10.2.1.0/24",
        "10.2.1.255/24",
        "10.2.1.255/32",
        "223.255.255.255/32",
        "192.168.0.1/1",
    ],
)
def test_an_address_of_an_interface_is_taken_as_it_is(text: str) -> None:
    assert str(parse_cidr(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "10.2.1.1", "10.2.1/24", "10.2.1.1/", "10.2.1.1/33", "10.2.1.256/24", "999.1.1.1/99", " 10.2.1.1/24"),
        *(
            "10.2.1.1/24\n",
            "10.2.01.1/24",
            "10.2.1.1/08",
            "0.0.0.0/8",
            "127.0.0.1/8",
            "224.0.0.1/24",
            "10.2.1.1/0",
        ),
        *("١٠.2.1.1/24", "10.2.1.1/24x", "-10.2.1.1/24", "::1/64", "fe80::1/64", "ff02::1/64", "::/64"),
        *("fd00::1", "fd00::1/129", "fd00:::1/64", "fd00::g/64", "::ffff:10.2.1.1/120", "fd00::1/0", "fd00::1%eth0/64"),
    ],
)
def test_anything_else_is_refused_with_what_was_typed(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_cidr(text)
    assert repr(text) in str(caught.value)


def test_the_leading_addresses_are_split_off() -> None:
    assert leading_addresses(["10.2.1.1/24", "ip:10.2.2.1/24", "net:10.32.1.0/24", "net:default", "-it", "image"]) == (
        [
            IPv4Interface("10.2.1.1/24"),
            IPv4Interface("10.2.2.1/24"),
            Subnet(IPv4Network("10.32.1.0/24")),
            Subnet(),
        ],
        ["-it", "image"],
    )


@pytest.mark.parametrize("words", [[], ["box"], ["box", "10.2.1.1/24"]])
def test_words_that_begin_with_no_address_ask_for_one_of_the_default_subnet(words: list[str]) -> None:
    assert leading_addresses(words) == ([Subnet()], words)


@pytest.mark.parametrize(
    "text", ["net:", "net:x", "net:10.32.1.1/24", "net:10.32.1.0", "net:10.32.1.0/33", "net:fd00::1/64"]
)
def test_a_subnet_that_is_none_is_refused_with_what_was_typed(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_wanted(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "spelt"),
    [
        ("fd00::1", "[fd00::1]"),
        ("[FD00:0:0::1]", "[fd00::1]"),
        ("[fd00::1]:7000", "[fd00::1]:7000"),
        ("10.0.0.1:7000", "10.0.0.1:7000"),
        ("host2", "host2"),
    ],
)
def test_a_peer_is_spelt_in_one_way_and_read_again_as_the_same(text: str, spelt: str) -> None:
    assert str(parse_peer_address(text)) == spelt
    assert parse_peer_address(spelt) == parse_peer_address(text)


@pytest.mark.parametrize(
    "text",
    [
        *("[fd00::1", "[fd00::1]x", "[fd00::1]:", "[fd00::1]:0", "[fd00::1]:65535", "[fd00::1]:6783:1"),
        *("fd00::1%eth0", "[fe80::1]:6783", "fe80::1", "::", "ff02::1", "::ffff:10.0.0.1", "fd00::1::2", "fd00:::1"),
        *("[10.0.0.1]:6783", "[host2]:6783", "[]", "[]:6783", "host2:6783:1"),
    ],
)
def test_what_is_no_peer_is_refused_with_what_was_typed(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_peer_address(text)
    assert str(caught.value).startswith(f"invalid peer {text!r}; expected ")


@given(st.integers(1, 2**128 - 1).map(IPv6Address), st.none() | st.integers(1, GREATEST_PORT - 1))
def test_any_ipv6_address_of_one_host_is_a_peer_with_and_without_a_port(ip: IPv6Address, port: int | None) -> None:
    assume(not (ip.is_link_local or ip.is_multicast or ip.ipv4_mapped))
    assert parse_peer_address(f"[{ip.exploded}]" + ("" if port is None else f":{port}")) == PeerAddress(str(ip), port)
    assert endpoint(ip, 1) == f"[{ip}]:1"
