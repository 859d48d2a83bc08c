"""CIDRs first, then what they are for."""

from ipaddress import IPv4Interface, IPv4Network

import pytest

from weave_http.addresses import Subnet, leading_addresses, parse_cidr, parse_wanted
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
