"""What is said about a bad way."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from weave_http.router.paths.facts import Seen
from weave_http.router.paths.reasons import no_way, reason

IP, INSIDE = ip_address("192.0.2.2"), ip_address("10.0.0.2")


@pytest.mark.parametrize(
    ("hears", "there", "text"),
    [
        (False, None, "is blocked between here and 192.0.2.2, both ways"),
        (False, Seen(False, hears=False, local=IP), "both ways"),
        (True, Seen(False, hears=False, local=IP), "to 192.0.2.2 is blocked, the way back is open"),
        (False, Seen(False, hears=True, local=IP), "from 192.0.2.2 is blocked, the way there is open"),
        (True, Seen(False, hears=True, local=IP), "answers get lost"),
        (True, Seen(False, hears=False, local=INSIDE), "behind a NAT (192.0.2.2 is 10.0.0.2 there)"),
    ],
)
def test_each_direction_is_named_and_so_is_a_nat(hears: bool, there: Seen | None, text: str) -> None:
    line = reason(6784, IP, hears=hears, there=there, answers=False)
    assert text in line
    assert "UDP port 6784" in line


def test_hosts_without_a_common_family_are_told_so_and_what_helps() -> None:
    start = "no common family: it is connected over IPv6 alone, this host over IPv4 alone, and "
    cure = ": give one of the two an address of the other family"
    assert no_way({6}, {4}, encrypted=False) == f"{start}no host with both passes it on{cure}"
    assert no_way({6}, {4}, encrypted=True) == f"{start}encrypted data goes from one to the other over no host{cure}"
    families: list[tuple[set[int], set[int]]] = [({4}, {4}), ({4, 6}, {4}), (set(), {4}), ({6}, set())]
    for theirs, ours in families:
        assert no_way(theirs, ours, encrypted=False).startswith("there is no connection to it, and no other host")
