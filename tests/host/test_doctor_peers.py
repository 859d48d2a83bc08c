"""Faults between hosts, made for real: hosts with a router each, in network namespaces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.router.hosts import Lan, RoutedHost, until
from weave_http.host import Host, perform_words
from weave_http.host.doctor import CHECKS
from weave_http.host.doctor.finding import Finding, Level, Seen
from weave_http.net import bridge, clock
from weave_http.net.clock import read
from weave_http.operations.outcome import Outcome

pytestmark = pytest.mark.kernel
NOON = 43_200_000


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[list[RoutedHost]]:
    with Lan(tmp_path) as lan:
        one, two = lan.add(2)
        one.launch("--no-dns")
        two.launch("--no-dns", one.address)
        until(lambda: one.ready and two.ready and lan.meshed())
        yield [one, two]


def found(host: RoutedHost, check: str) -> Finding:
    (finding,) = host.space.call(lambda: list(CHECKS[check](Seen(Host({})))))
    return finding


def weave(host: RoutedHost, *words: str) -> Outcome:
    return host.space.call(perform_words, Host({}), words)


def test_faults_on_the_way_are_found_and_nothing_without_one(pair: list[RoutedHost]) -> None:
    one, two = pair
    assert {check: found(one, check).level for check in ("peers", "clones", "data", "mtu", "clock")} == dict.fromkeys(
        ("peers", "clones", "data", "mtu", "clock"), Level.OK
    )
    assert "TCP 6783 of this host was reached by" in found(one, "peers").text
    assert "this host dialled them all" in found(two, "peers").text
    assert "within 0.0" in found(one, "clock").text
    # frames of full size get lost on the way, small ones don't
    two.space.run("iptables-nft -I INPUT -p udp --dport 6784 -m length --length 1400: -j DROP")
    lost = found(one, "mtu")
    assert (lost.level, "frames of 1450 bytes to" in lost.text) == (Level.ERROR, True)
    two.space.run("iptables-nft -D INPUT -p udp --dport 6784 -m length --length 1400: -j DROP")
    # UDP does not pass at all, on one way
    two.space.run("iptables-nft -I INPUT -p udp --dport 6784 -j DROP")
    silent = found(one, "data")
    assert (silent.level, "(host2) does not answer over the network" in silent.text) == (Level.ERROR, True)
    assert silent.hint == "UDP 6784 must pass between 192.0.2.2 and this host, both ways"
    # and nothing can be said of a clock that nobody tells
    two.space.run("iptables-nft -I INPUT -p icmp -j DROP")
    assert found(one, "clock").text == "not known: no peer answers ICMP timestamps"


def test_a_ping_says_the_way_of_each_answer(pair: list[RoutedHost]) -> None:
    one, two = pair
    assert two.guest
    assert one.guest
    way = f"from {two.space.call(bridge.describe)[0].mac}(host2) 192.0.2.2 fastdp "  # type: ignore[index]
    for target in (two.inside, "host2", two.space.call(bridge.describe)[0].mac):  # type: ignore[index]
        done = weave(one, "ping", "-c", "1", "-s", "1450", target)
        assert (done.code, done.err) == (0, "")
        head, answer, total = done.out.splitlines()
        assert head.startswith(f"PING {target} (")
        assert answer.startswith("seq=1 time=")
        assert way in answer
        assert answer.endswith("mtu=1450")
        assert total.startswith("1 asked, 1 answered, 0% lost, ")
    near = weave(one, "ping", "-c", "1", one.inside)
    assert "on this host" in near.out
    nobody = weave(one, "ping", "-c", "1", "10.2.1.99")
    assert (nobody.code, nobody.out.splitlines()[1:]) == (1, ["seq=1 no answer", "1 asked, 0 answered, 100% lost"])


def test_what_can_not_be_asked_is_one_line(pair: list[RoutedHost]) -> None:
    one, _ = pair
    for words, said in (
        (("-s", "1451", "host2"), "1451 bytes are more than the network's MTU, 1450"),
        (("host2", "host3"), "unexpected argument 'host3'"),
    ):
        done = weave(one, "ping", *words)
        assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
        assert said in done.err


@pytest.mark.parametrize("ahead", [0, 90_000, -90_000, NOON - 1])
@pytest.mark.parametrize("now", [10, NOON, 2 * NOON - 10])
def test_a_clock_is_compared_across_midnight(ahead: int, now: int) -> None:
    sent, received = (now - 40) % (2 * NOON), (now - 20 + ahead) % (2 * NOON)
    message = clock._MESSAGE.pack(14, 0, 0, 7, 1, sent, received, received)
    assert read(message, 7, now) == ahead / 1000
    assert read(message, 8, now) is None
    assert read(message[:12], 7, now) is None
