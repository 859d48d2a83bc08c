"""The words of an operation make the operation again, and what makes none is one line."""

from __future__ import annotations

import shlex
from ipaddress import IPv4Interface

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weave_http.addresses import PeerAddress
from weave_http.errors import UsageError
from weave_http.operations import (
    NAMES,
    Attach,
    Connect,
    Detach,
    DnsAdd,
    DnsArgs,
    DnsLookup,
    DnsRemove,
    Doctor,
    Env,
    Expose,
    Forget,
    Gone,
    Help,
    Hide,
    Launch,
    LaunchDns,
    Operation,
    Password,
    Ping,
    Ps,
    Report,
    Reset,
    Restart,
    Rmpeer,
    Rtt,
    Run,
    Start,
    Status,
    find,
    operations,
    parse,
)
from weave_http.operations.joining import ExtraHost
from weave_http.operations.reading import SECTIONS

CIDR = st.builds(
    lambda a, b, c, d, length: IPv4Interface(f"{a}.{b}.{c}.{d}/{length}"),
    *(st.integers(1, 126), st.integers(0, 255), st.integers(0, 255), st.integers(0, 255), st.integers(1, 32)),
)
CIDRS = st.lists(CIDR, min_size=1, max_size=4, unique=True).map(tuple)
IP = CIDR.map(lambda cidr: cidr.ip)
CONTAINER = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_.-]{0,20}", fullmatch=True)
HOSTNAME = st.from_regex(r"[a-z][a-z0-9]{0,10}(\.[a-z][a-z0-9]{0,5}){0,2}", fullmatch=True)
PEER = st.builds(PeerAddress, HOSTNAME, st.none() | st.integers(1, 65534))
PEERS = st.lists(PEER, min_size=1, max_size=3).map(tuple)
TEXT = st.text(min_size=1, max_size=20)
EXTRA = st.lists(st.builds(lambda name, ip: ExtraHost((name, ip)), CONTAINER, IP), max_size=2).map(tuple)
JOINING = {
    "addresses": CIDRS,
    "container": CONTAINER,
    "dns": st.booleans(),
    "rewrite_hosts": st.booleans(),
    "multicast": st.booleans(),
    "extra_hosts": EXTRA,
}
NAMING = {"addresses": st.lists(IP, max_size=2).map(tuple), "container": CONTAINER, "fqdn": st.just("") | HOSTNAME}
ANY: dict[str, st.SearchStrategy[Operation]] = {
    "attach": st.builds(Attach, **JOINING),
    "start": st.builds(Start, **JOINING),
    "restart": st.builds(Restart, **JOINING),
    "detach": st.builds(Detach, CIDRS, CONTAINER),
    "expose": st.builds(Expose, CIDRS, st.booleans(), st.just("") | HOSTNAME),
    "hide": st.builds(Hide, CIDRS),
    "connect": st.builds(Connect, PEERS, st.booleans()),
    "forget": st.builds(Forget, PEERS),
    "rmpeer": st.builds(Rmpeer, st.lists(CONTAINER, min_size=1).map(tuple)),
    "ps": st.builds(Ps, st.lists(CONTAINER).map(tuple), st.booleans()),
    "doctor": st.builds(Doctor, st.booleans()),
    "rtt": st.builds(Rtt, st.booleans()),
    "ping": st.builds(Ping, CONTAINER, st.integers(1, 9), st.integers(28, 1500)),
    "status": st.builds(
        Status, st.sampled_from(["", *SECTIONS]), st.booleans(), st.integers(0, 3600), PEERS | st.just(())
    ),
    "report": st.builds(Report, st.just("") | TEXT),
    "dns-add": st.builds(DnsAdd, **NAMING),
    "dns-remove": st.builds(DnsRemove, **NAMING),
    "dns-lookup": st.builds(DnsLookup, HOSTNAME),
    "dns-args": st.builds(DnsArgs, st.lists(TEXT).map(tuple)),
    "launch-dns": st.builds(
        LaunchDns, st.tuples(CIDR.map(str), st.sampled_from(["--watch", "-domain=x.local", "--wait=5"]))
    ),
    "launch": st.builds(
        lambda flags, peers: Launch((*flags, *map(str, peers))),
        st.lists(st.sampled_from(["--no-dns", "-port=7000", "--nickname=a b", "--proxy=false"])).map(tuple),
        st.lists(PEER).map(tuple),
    ),
    "run": st.builds(Run, CIDRS, st.just(("--name", "web")).map(lambda head: (*head, "nginx", "-c")), st.booleans()),
    "reset": st.builds(Reset, st.booleans()),
    "env": st.builds(Env),
    "help": st.builds(Help, st.sampled_from(["", "attach"])),
}


@pytest.mark.parametrize("name", NAMES)
def test_words_make_the_operation_again(name: str) -> None:
    operation = find(name)
    assert operation is not None

    @given(ANY.get(name, st.builds(operation)))
    def holds(op: Operation) -> None:
        assert op.words()[0] == name
        assert parse(op.words()) == op

    holds()


@pytest.mark.parametrize("operation", list(operations()), ids=lambda operation: operation.name)
def test_each_operation_says_what_it_does_and_how_it_is_typed(operation: type[Operation]) -> None:
    assert operation.summary.endswith(".")
    assert operation.__doc__
    if operation.example and operation.name != "env":
        assert isinstance(parse(shlex.split(operation.example)), operation)


def test_options_stand_anywhere_and_take_a_value_in_either_way() -> None:
    wanted = Attach.parse(["10.2.1.1/24", "c1", "--add-host=a:10.0.0.1", "--without-dns"])
    assert wanted == Attach.parse(["--without-dns", "ip:10.2.1.1/24", "--add-host", "a:10.0.0.1", "--", "c1"])
    assert not wanted.dns
    assert Expose.parse(["-hx.local", "10.2.1.1/24"]) == Expose.parse(["10.2.1.1/24", "-h", "x.local"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "no command given"),
        (["frobnicate"], "unknown command 'frobnicate'"),
        (["attach", "10.2.1.1/24"], "no container given"),
        (["attach", "10.2.1.1/24", "c1", "c2"], "unexpected argument 'c2'"),
        (["attach", "10.2.1.1/24", "--rewrite-hosts=x", "c1"], "unknown option '--rewrite-hosts=x'"),
        (["attach", "10.2.1.1/24", "c1", "--add-host"], "option '--add-host' needs a value"),
        (["attach", "10.2.1.1/24", "c1", "--add-host", "a:10.0.0.999"], "invalid host 'a:10.0.0.999'"),
        (["attach", "net:10.2.1.1/24", "c1"], "invalid subnet 'net:10.2.1.1/24'"),
        (["attach", "fe80::1/64", "c1"], "invalid CIDR 'fe80::1/64'; no interface of a container"),
        (["attach", "fd00::1/129", "c1"], "invalid CIDR 'fd00::1/129'; expected groups of up to four"),
        (["status", "weather"], "unknown section 'weather'"),
        (["status", "--format", "xml"], "unknown format 'xml'"),
        (["connect"], "no peer given"),
        (["connect", "10.0.0.999"], "invalid peer '10.0.0.999'"),
        *((["connect", peer], f"invalid peer {peer!r}") for peer in ("0.0.0.0", "224.0.0.1", "a..b", "a-.b", "x" * 64)),  # noqa: S104
        (["connect", "host:0"], "invalid peer 'host:0'"),
        (["dns-add", "10.2.1.1"], "no container given"),
        (["dns-add", "c1", "-h", "a b"], "invalid name 'a b'"),
        (["launch", "--frobnicate"], "unknown option '--frobnicate'"),
        (["launch", "--port"], "option '--port' needs a value"),
        (["launch", "--port", "x"], "invalid port 'x'"),
        (["launch", "--password"], "option '--password' needs a value"),
        (["launch", "--password-file"], "option '--password-file' needs a value"),
        (["launch", "--password", ""], "the password is empty"),
        (["launch", "--password", "x", "--no-password"], "--password and --no-password exclude each other"),
        (["password", "--grace", "1y"], "invalid --grace '1y'"),
        (["password", "--grace", "91d"], "invalid --grace '91d'"),
        (["launch", "10.0.0.999"], "invalid peer '10.0.0.999'"),
        (["stop", "now"], "unexpected argument 'now'"),
    ],
)
def test_what_makes_no_operation_is_said_in_one_line(words: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(words)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_password_is_never_among_the_words() -> None:
    for words in (["--password", "secret", "host2"], ["-password=secret", "host2"]):
        launch = Launch.parse(words)
        assert launch.password == "secret"
        assert launch.words() == ["launch", "host2"]
        assert "secret" not in repr(launch)
    for words in (["--password-file", "/secret", "host2"], ["-password-file=/secret", "host2"]):
        launch = Launch.parse(words)
        assert launch.password_file == "/secret"
        assert launch.words() == ["launch", "host2"]
    assert Password.parse(["--password-file", "/secret", "--grace", "2h"]).words() == ["password", "--grace", "7200s"]


def test_a_command_of_another_version_keeps_its_words() -> None:
    gone = parse(["launch-proxy", "--tls", "x"])
    assert isinstance(gone, Gone)
    assert gone.words() == ["launch-proxy", "--tls", "x"]
