from __future__ import annotations

import fcntl
from collections.abc import Sequence
from typing import Any

import pytest

from tests.host.stage import FakeRouter, Stage
from weave_http.addresses import Cidr
from weave_http.host.host import Host
from weave_http.net import guest
from weave_http.net.netns import Namespace

A, B = "10.2.1.254/24", "10.2.2.254/24"


def _addresses(stage: Stage) -> list[str]:
    return stage.host.run("ip -br -4 addr show dev weave").split()[2:]


def _natted(stage: Stage) -> int:
    return stage.host.run("iptables-nft-save").count("-A WEAVE ")


@pytest.mark.parametrize(
    "words",
    [(A, B), (A, B, "-h", "h1.weave.local"), ("-h", "h1.weave.local", A, B), (A, B, A)],
)
def test_without_a_router_the_host_itself_is_set_up_and_the_addresses_are_printed(
    stage: Stage, words: tuple[str, ...]
) -> None:
    for _ in range(2):
        result = stage.weave("expose", *words)
        assert (result.code, result.out, result.err) == (0, "10.2.1.254 10.2.2.254\n", "")
        assert _addresses(stage) == [A, B]
    assert stage.weave("ps", "weave:expose").out.split()[2:] == [A, B]
    assert _natted(stage) == 8


@pytest.mark.parametrize("words", [("--without-masquerade", A), (A, "--without-masquerade")])
def test_masquerading_can_be_left_out(stage: Stage, words: tuple[str, ...]) -> None:
    assert stage.weave("expose", *words).code == 0
    assert (_addresses(stage), _natted(stage)) == ([A], 0)


def test_hide_takes_exactly_these_away_and_is_fine_with_what_is_not_there(stage: Stage) -> None:
    stage.weave("expose", A, B, "110.2.1.254/24")
    for _ in range(2):
        result = stage.weave("hide", A, "10.9.9.9/24")
        assert (result.code, result.out, result.err) == (0, "10.2.1.254 10.9.9.9\n", "")
        assert _addresses(stage) == [B, "110.2.1.254/24"]


def test_hiding_on_a_host_without_weave_makes_nothing(stage: Stage) -> None:
    assert stage.weave("hide", A).code == 0
    assert stage.host.links() == []


def test_where_there_is_a_router_it_does_the_work(stage: Stage, router: FakeRouter) -> None:
    assert stage.weave("expose", "--without-masquerade", A, B, "-h", "h1.weave.local").out == "10.2.1.254 10.2.2.254\n"
    assert stage.weave("hide", A).code == 0
    assert router.calls == [
        "GET /ip/weave:expose",
        "PUT /ip/weave:expose/10.2.1.254/24",
        "PUT /ip/weave:expose/10.2.2.254/24",
        "POST /expose address=10.2.1.254%2F24&address=10.2.2.254%2F24&skipNAT=true&fqdn=h1.weave.local",
        "PUT /name/weave:expose/10.2.1.254 fqdn=h1.weave.local",
        "PUT /name/weave:expose/10.2.2.254 fqdn=h1.weave.local",
        "DELETE /expose?address=10.2.1.254%2F24",
        "DELETE /name/weave:expose/10.2.1.254",
        "DELETE /ip/weave:expose/10.2.1.254",
    ]
    assert stage.host.links() == []


def test_a_router_without_names_does_not_matter_and_one_that_refuses_is_a_line(
    stage: Stage, router: FakeRouter
) -> None:
    router.answers = {
        "PUT /name/weave:expose/10.2.1.254": (404, "no such route\n"),
        "DELETE /name/weave:expose/10.2.1.254": (404, "no such route\n"),
    }
    assert stage.weave("expose", A, "-h", "h1.weave.local").code == 0
    assert stage.weave("hide", A).code == 0
    router.answers = {
        "POST /expose": (500, "can't add it\n"),
        "DELETE /expose?address=10.2.1.254%2F24": (500, "can't\n"),
    }
    results = [stage.weave("expose", A), stage.weave("hide", A)]
    assert [(each.code, each.out, each.err) for each in results] == [(1, "", "can't add it\n"), (1, "", "can't\n")]


def test_an_address_in_a_network_that_the_host_has_a_way_to_is_warned_of(stage: Stage) -> None:
    stage.host.run("ip link add eth0 type bridge; ip link set eth0 up; ip addr add 10.2.1.77/16 dev eth0")
    stage.container("c1")
    warning = "WARNING: {} overlaps the route 10.2.0.0/16 of this host\n"
    for words in (("expose", A), ("attach", "10.2.1.1/24", "c1")):
        result = stage.weave(*words)
        assert (result.code, result.err) == (0, warning.format(words[1]))
    assert stage.weave("expose", "10.9.1.1/24").err == ""
    assert stage.weave("expose", "10.9.1.2/24").err == "", "what is exposed is no way to elsewhere"


@pytest.mark.parametrize(
    ("command", "words", "reason"),
    [
        ("expose", (A, "-h"), "option '-h' needs a value"),
        ("expose", (A, "x"), "unexpected argument 'x'"),
        ("expose", (A, "--nope"), "unknown option '--nope'"),
        ("expose", ("999.1.1.1/99",), "invalid CIDR '999.1.1.1/99'"),
        ("hide", (A, "-h", "x"), "unknown option '-h'"),
    ],
)
def test_words_that_make_no_sense_get_one_line(stage: Stage, command: str, words: tuple[str, ...], reason: str) -> None:
    result = stage.weave(command, *words)
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert result.err.startswith(reason)
    assert f"; expected: weave {command} " in result.err
    assert stage.host.links() == []


def test_attachments_told_to_the_router_are_those_that_the_container_has_by_then(
    stage: Stage, router: FakeRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    c1 = stage.container("c1")
    stage.weave("attach", "10.2.1.1/24", "10.2.1.2/24", "c1")
    unplug = guest.unplug

    def unplug_and_be_late(target: guest.Target, addresses: Sequence[Cidr], **others: Any) -> guest.Change:
        change = unplug(target, addresses, **others)
        c1.run("ip addr add 10.2.1.9/24 dev ethwe")  # by another command, which has told the router meanwhile
        return change

    monkeypatch.setattr(guest, "unplug", unplug_and_be_late)
    stage.weave("detach", "10.2.1.2/24", "c1")
    assert router.attachments()[-1][1] == ["10.2.1.1/24", "10.2.1.9/24"]


def test_the_router_is_told_of_an_attach_while_nobody_else_changes_the_container(
    stage: Stage, router: FakeRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    c1 = stage.container("c1")
    free: list[bool] = []
    tell = Host.tell

    def look(host: Host, *others: Any) -> bool:
        with Namespace(c1.target().namespace) as namespace:
            try:
                fcntl.flock(namespace.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                free.append(True)
            except BlockingIOError:
                free.append(False)
        return tell(host, *others)

    monkeypatch.setattr(Host, "tell", look)
    stage.weave("attach", "10.2.1.1/24", "c1")
    assert free == [False]
    assert router.attachments()[-1][1] == ["10.2.1.1/24"]
