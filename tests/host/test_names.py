"""Names on the executor's side: which name a container has, and what the router is told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from tests.host.stage import FakeRouter, Stage, identity
from tests.host.test_launch import OURS
from weave_http.addresses import parse_ip
from weave_http.host import dns_query
from weave_http.host.dns_args import search_option
from weave_http.host.dns_names import full_name
from weave_http.router.names.answers import Answerer
from weave_http.router.names.server import Server
from weave_http.router.names.upstream import Upstream

A, B = "10.2.1.1/24", "10.2.1.2/24"
FQDN = "fqdn=c1.weave.local"


def told(router: FakeRouter) -> list[str]:
    """The calls about names, with the container's id shortened."""
    return [call.replace(identity("c1"), "ID") for call in router.calls if " /name/" in call]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"Hostname": "c1.weave.local", "Domainname": ""}, "c1.weave.local"),
        ({"Hostname": "c1", "Domainname": "weave.local"}, "c1.weave.local"),
        ({"Hostname": "c1", "Domainname": ""}, ""),
        ({"Hostname": "c1."}, ""),
        ({}, ""),
    ],
)
def test_a_hostname_with_a_domain_is_a_name(config: dict[str, str], expected: str) -> None:
    assert full_name({"Config": config}) == expected


def test_attach_gives_each_address_the_name_and_detach_takes_what_there_is(stage: Stage, router: FakeRouter) -> None:
    stage.container("c1")
    stage.engine.containers[identity("c1")].config["Hostname"] = "c1.weave.local"
    assert stage.weave("attach", A, B, "c1").code == 0
    assert told(router) == [f"PUT /name/ID/10.2.1.1 {FQDN}", f"PUT /name/ID/10.2.1.2 {FQDN}"]
    router.calls.clear()
    assert stage.weave("detach", A, "c1").code == 0
    assert told(router) == ["DELETE /name/ID/10.2.1.1"]


def test_without_a_domain_no_name_is_given(stage: Stage, router: FakeRouter) -> None:
    stage.container("c1")
    stage.engine.containers[identity("c1")].config["Hostname"] = "c1"
    assert stage.weave("attach", A, "c1").code == 0
    assert told(router) == []


def test_a_router_that_refuses_names_is_no_obstacle(stage: Stage, router: FakeRouter) -> None:
    c1 = stage.container("c1")
    stage.engine.containers[identity("c1")].config["Hostname"] = "c1.weave.local"
    path = f"/name/{identity('c1')}/10.2.1.1"
    router.answers = {f"PUT {path}": (404, "no\n"), f"DELETE {path}": (500, "no\n")}
    for command, left in (("attach", [A]), ("detach", [])):
        result = stage.weave(command, A, "c1")
        assert (result.code, result.out, result.err) == (0, "10.2.1.1\n", "")
        assert (c1.addresses() if left else left) == left


@pytest.fixture
def named(router: FakeRouter) -> FakeRouter:
    """A router that serves names."""
    router.answers["GET /domain"] = (200, "weave.local.")
    router.answers["GET /dns-address-port"] = (200, "172.17.0.1:53")
    return router


@pytest.mark.parametrize(
    ("words", "calls"),
    [
        ("dns-add c1 -h db", ["PUT /name/ID/10.2.1.1 fqdn=db", "PUT /name/ID/10.2.1.2 fqdn=db"]),
        ("dns-add 10.2.1.2 c1 -h db", ["PUT /name/ID/10.2.1.2 fqdn=db"]),
        ("dns-add c1", ["PUT /name/ID/10.2.1.1 fqdn=c1.weave.local", "PUT /name/ID/10.2.1.2 fqdn=c1.weave.local"]),
        ("dns-add 10.9.9.9 10.9.9.8 -h x", [f"PUT /name/weave:extern/10.9.9.{n} fqdn=x" for n in (9, 8)]),
        ("dns-remove c1", ["DELETE /name/ID"]),
        ("dns-remove c1 -h db", ["DELETE /name/ID?fqdn=db"]),
        ("dns-remove 10.2.1.1 c1", ["DELETE /name/ID/10.2.1.1"]),
        ("dns-remove 10.9.9.9 -h x", ["DELETE /name/weave:extern/10.9.9.9?fqdn=x"]),
    ],
)  # fmt: skip
def test_names_by_hand(stage: Stage, named: FakeRouter, words: str, calls: list[str]) -> None:
    stage.container("c1")
    stage.engine.containers[identity("c1")].config["Hostname"] = "c1.weave.local"
    stage.weave("attach", A, B, "c1")
    named.calls.clear()
    result = stage.weave(*words.split())
    assert (result.code, result.out, result.err) == (0, "", "")
    assert told(named) == calls


def test_a_name_outside_of_the_domain_is_refused(stage: Stage, named: FakeRouter) -> None:
    stage.container("c1")
    stage.weave("attach", A, "c1")
    result = stage.weave("dns-add", "c1", "-h", "db.example.com")
    hint = "give a name in it, or one without a dot\n"
    assert (result.code, result.out) == (1, "")
    assert result.err == f"db.example.com is outside of the domain weave.local.; {hint}"
    assert told(named) == []


def test_a_lookup_prints_a_line_an_address_and_fails_without_one(
    stage: Stage, named: FakeRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {"db": ["10.2.1.1", "10.2.1.2"]}
    monkeypatch.setattr(dns_query, "addresses", lambda name, host, port: known.get(name, []))
    assert stage.weave("dns-lookup", "db").out == "10.2.1.1\n10.2.1.2\n"
    result = stage.weave("dns-lookup", "nope")
    hint = "weave status dns lists those that have one\n"
    assert (result.code, result.out, result.err) == (1, "", f"no address has the name nope; {hint}")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("dns-add", "no container given; expected CONTAINER, or IP… -h NAME; expected: weave dns-add [IP…]"),
        ("dns-add 10.2.1.1", "no container given"),
        ("dns-add -h x", "no container given"),
        ("dns-add c1 -h", "option '-h' needs a value"),
        ("dns-add c1 x", "unexpected argument 'x'"),
        ("dns-add 10.2.1.300 -h x", "invalid CIDR"),
        ("dns-remove", "no container given"),
        ("dns-lookup", "no name given; expected: weave dns-lookup NAME"),
        ("dns-lookup a b", "unexpected argument 'b'"),
        ("dns-lookup a..b", "invalid name 'a..b'"),
        ("dns-add c9 -h x", "No such container: c9"),
        ("dns-add c1", "the hostname of container c1 has no domain; give it one: -h NAME"),
        ("dns-add c2 -h x", "container c2 not running"),
        ("launch-dns", "no address given"),
        ("launch-dns 10.2.1.1/24 x", "unexpected argument 'x'"),
        ("launch-dns 10.2.1.1/24 -timeout", "option '-timeout' needs a value"),
        ("launch-dns 10.2.1.1/24 -domain foo.bar.", "the router serves names in weave.local., not in foo.bar.; launch"),
        ("stop-dns x", "unexpected argument 'x'"),
    ],
)
def test_failures_are_one_line(stage: Stage, named: FakeRouter, words: str, line: str) -> None:
    stage.container("c1")
    stage.weave("attach", A, "c1")
    stage.stopped("c2")
    result = stage.weave(*words.split())
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert result.err.startswith(line), result.err
    assert told(named) == []


def test_a_container_without_an_address_has_nothing_to_be_named(stage: Stage, named: FakeRouter) -> None:
    stage.container("c1")
    result = stage.weave("dns-add", "c1", "-h", "x")
    assert (result.code, result.err) == (1, "container c1 has no address on the network; attach it first\n")


@pytest.mark.parametrize(
    "words", ["dns-add c1 -h x", "dns-remove c1", "dns-lookup x", "dns-args", "launch-dns 10.2.1.1/24"]
)
def test_without_a_router_there_are_no_names(stage: Stage, words: str) -> None:
    stage.container("c1")
    result = stage.weave(*words.split())
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("no router answers at 127.0.0.1:6784")


def test_where_names_are_not_served_dns_args_prints_nothing_and_says_why(stage: Stage, router: FakeRouter) -> None:
    router.answers["GET /dns-address-port"] = (404, "names are not served: no bridge\n")
    result = stage.weave("dns-args")
    assert (result.code, result.out, result.err) == (0, "", "WARNING: names are not served: no bridge\n")
    router.answers["GET /dns-address-port"] = (200, "10.0.0.1:5353")
    assert (stage.weave("dns-args").out, stage.weave("dns-lookup", "x").code) == ("", 1)


def test_dns_args_are_two_options_without_a_lines_end(stage: Stage, named: FakeRouter) -> None:
    assert stage.weave("dns-args", "-it", "busybox").out == "--dns=172.17.0.1 --dns-search=weave.local."


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", "--dns-search=weave.local."),
        ("--dns-search x.y busybox", None),
        ("--dns-search=x.y busybox", None),
        ("-h c1 busybox", "--dns-search=weave.local."),
        ("-h c1.weave.local busybox", "--dns-search=."),
        ("--hostname=c1.weave.local busybox", "--dns-search=."),
        ("busybox -h", "--dns-search=weave.local."),
    ],
)
def test_the_search_domain_goes_by_the_other_arguments(words: str, expected: str | None) -> None:
    assert search_option(words.split(), "weave.local.") == ([expected] if expected else [])


def test_the_commands_of_0_10_print_the_routers_id_and_what_there_is_instead(stage: Stage, named: FakeRouter) -> None:
    stage.running("weave", labels=OURS)
    result = stage.weave("launch-dns", "10.2.254.1/24", "-watch=false", "--domain", "weave.local.", "-cache", "9")
    assert (result.code, result.out, result.err.count("\n")) == (0, f"{identity('weave')}\n", 1)
    result = stage.weave("stop-dns")
    assert (result.code, result.out, result.err.count("\n")) == (0, "", 1)


@pytest.fixture
def server() -> Iterator[int]:
    """A DNS server on loopback, in a thread of its own; its port."""
    known = {"web.weave.local": [f"10.2.{number}.1" for number in range(200)], "c1.weave.local": ["10.2.1.1"]}
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> tuple[Server, int]:
        while True:
            it = Server(
                Answerer("weave.local", 1, lambda name: list(map(parse_ip, known.get(name, []))), lambda address: []),
                Upstream(list, 1),
            )
            try:
                return it, await it.start(parse_ip("127.0.0.1"), 0)
            except OSError:  # free for one of UDP and TCP only
                continue

    it, port = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    yield port
    asyncio.run_coroutine_threadsafe(it.stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


def test_a_lookup_asks_as_a_container_would(server: int) -> None:
    from weave_http.errors import HostError
    from weave_http.host.dns_query import addresses

    assert addresses("c1.weave.local", "127.0.0.1", server) == ["10.2.1.1"]
    assert addresses("C1", "127.0.0.1", server) == ["10.2.1.1"]
    assert addresses("c9", "127.0.0.1", server) == []
    assert len(addresses("web", "127.0.0.1", server)) == 200, "over TCP"
    with pytest.raises(HostError, match=r"could not find example\.com: SERVFAIL"):
        addresses("example.com", "127.0.0.1", server)
    with pytest.raises(HostError, match="can't be asked: Connection refused"):
        addresses("c1", "127.0.0.1", 1)
