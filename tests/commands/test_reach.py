"""At which addresses routers reach each other: what endpoints say, and what has to be told."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from weave_http.commands.fleet import Member
from weave_http.commands.reach import addresses
from weave_http.engine import Endpoint
from weave_http.engine.address import parse_host
from weave_http.errors import UsageError

SSH: dict[str, Mapping[str, str]] = {
    "alias": {"hostname": "10.0.0.9"},
    "behind": {"hostname": "10.0.0.8", "proxyjump": "bastion"},
}


def at(name: str, url: str, advertise: str = "") -> Member:
    return Member(name, parse_host(url, "", None), advertise)


def reached(*members: Member) -> dict[str, str]:
    return addresses(members, lambda host: SSH.get(host, {}))


def test_endpoints_say_where_a_host_is_reached() -> None:
    found = reached(at("a", "tcp://10.0.0.1:2376"), at("b", "ssh://me@b.example"), at("c", "ssh://alias"))
    assert found == {"a": "10.0.0.1", "b": "b.example", "c": "10.0.0.9"}


def test_what_is_given_counts_and_one_host_may_go_without() -> None:
    here = Member("here", Endpoint("unix", path="/run/docker.sock"))
    assert reached(at("a", "ssh://behind", "10.1.1.1:7000"), here) == {"a": "10.1.1.1:7000", "here": ""}


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("unix:///run/docker.sock", "its endpoint is a unix socket"),
        ("tcp://127.0.0.1:2375", "127.0.0.1 is this machine"),
        ("ssh://behind", "ssh goes to it through another host"),
        ("tcp://[fe80::1]:2376", "fe80::1 is no name or address"),
    ],
)
def test_two_hosts_that_nobody_could_reach_are_refused_with_the_reasons(url: str, reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        reached(at("a", "unix:///a"), at("b", url))
    assert f"b ({reason})" in caught.value.message
    assert caught.value.hint == "say it: --advertise b=ADDRESS"


def test_two_hosts_at_one_address_are_refused() -> None:
    with pytest.raises(UsageError, match="a and b would both be reached at"):
        reached(at("a", "tcp://10.0.0.1:1"), at("b", "tcp://10.0.0.1:2"))
