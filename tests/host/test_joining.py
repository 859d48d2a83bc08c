"""The options of `attach`, and when the addresses are printed."""

from __future__ import annotations

import pytest

from tests.host.stage import Stage
from weave_http.errors import UsageError
from weave_http.host.joining import parse

A, B = "10.2.1.1/24", "10.2.1.2/24"


def test_options_come_between_addresses_and_container_or_first() -> None:
    words = [A, f"ip:{B}", "--rewrite-hosts", "--add-host", "db:10.0.0.1", "--add-host=x:10.0.0.2", "c1"]
    wanted = parse(words)
    assert (wanted.addresses, wanted.container, wanted.rewrite_hosts, wanted.dns) == ((A, B), "c1", True, True)
    assert wanted.extra_hosts == (("db", "10.0.0.1"), ("x", "10.0.0.2"))
    assert parse([*words[2:-1], *words[:2], "c1"]) == wanted
    assert not parse(["--without-dns", A, "c1"]).dns
    assert not parse(["--no-multicast-route", A, "c1"]).multicast


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([A, "--frobnicate", "c1"], "unknown option '--frobnicate'"),
        ([A, "c1", "--add-host"], "invalid host ''; expected --add-host NAME:IP"),
        ([A, "--add-host", "db", "c1"], "invalid host 'db'"),
        ([A, "--add-host", "db:10.0.0.256", "c1"], "invalid host 'db:10.0.0.256'"),
        ([A, "--add-host", "a b:10.0.0.1", "c1"], "invalid host 'a b:10.0.0.1'"),
        (["net:default", "c1"], "'net:default' asks for any free address"),
        ([A, "net:10.2.0.0/16", "c1"], "'net:10.2.0.0/16' asks for any free address"),
        (["c1"], "no address before 'c1'; expected an address like 10.2.1.1/24 first"),
        (["ip:10.2.1.0/0", "c1"], "invalid CIDR '10.2.1.0/0'"),
    ],
)
def test_what_makes_no_sense_is_refused(words: list[str], reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(words)
    assert str(caught.value).startswith(reason)


@pytest.mark.parametrize(
    ("words", "attached", "detached"),
    [
        ((A, B), "", ""),
        ((f"ip:{A}", B), "10.2.1.1 10.2.1.2\n", "10.2.1.1 10.2.1.2\n"),
        ((A, "--without-dns"), "10.2.1.1\n", None),
    ],
)
def test_addresses_are_printed_for_words_that_0_10_did_not_know(
    stage: Stage, words: tuple[str, ...], attached: str, detached: str | None
) -> None:
    c1 = stage.container("c1")
    for _ in range(2):
        result = stage.weave("attach", *words, "c1")
        assert (result.code, result.out, result.err) == (0, attached, "")
    assert c1.addresses()[0] == A
    if detached is not None:
        assert stage.weave("detach", *words, "c1").out == detached
        assert c1.links() == []


def test_the_route_for_multicast_can_be_left_out(stage: Stage) -> None:
    c1, c2 = stage.container("c1"), stage.container("c2")
    stage.weave("attach", A, "--no-multicast-route", "c1")
    stage.weave("attach", B, "c2")
    assert "224.0.0.0/4" not in c1.run("ip route")
    assert "224.0.0.0/4 dev ethwe" in c2.run("ip route")
