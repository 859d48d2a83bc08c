from __future__ import annotations

import socket
from ipaddress import ip_network
from pathlib import Path

import pytest

from weave_http.addresses import parse_ip
from weave_http.errors import HostError, UsageError
from weave_http.operations import passwords
from weave_http.proxy.settings import Settings
from weave_http.router.addresses.options import AddressOptions
from weave_http.router.mesh.sockets import ANY
from weave_http.router.names.options import DnsOptions
from weave_http.router.options import Options, parse

RANGE = ip_network("10.32.0.0/12")


def _parse(*argv: str, **env: str) -> Options:
    return parse(argv, env)


def test_defaults() -> None:
    assert _parse() == Options(
        port=6783,
        name=None,
        nickname=socket.gethostname(),
        http_addr=("127.0.0.1", 6784),
        metrics_addr=("127.0.0.1", 6782),
        state_dir=Path("/weavedb"),
        conn_limit=200,
        resume=False,
        discovery=True,
        log_level="info",
        host=ANY,
        enforce=False,
        mtu=None,
        targets=(),
        dns=DnsOptions(),
        addresses=AddressOptions((RANGE,), (RANGE,), 1, reclaim=24 * 3600.0),
        proxy=Settings(),
    )
    assert _parse("--proxy=false").proxy is None
    assert _parse("--rewrite-inspect", "--no-default-ipalloc").proxy == Settings(default=False, rewrite_inspect=True)


def test_the_docker_api_is_served_by_tcp_where_that_is_asked_for() -> None:
    options = _parse("-H", "tcp://10.0.0.1:1,tcp://[fd00::1]:2", "--tlsverify", "--tlscacert=/ca")
    assert [str(address) for address, _ in options.listening.addresses] == ["10.0.0.1", "fd00::1"]
    assert (options.listening.verify, options.listening.ca) == (True, "/ca")


def test_flags_by_one_dash_or_two_then_peers() -> None:
    options = _parse(
        *("-nickname", "n", "-port=7000", "--name=::1", "-no-discovery", "-connlimit", "5", "-httpaddr=:7784"),
        *("h1", "h2:1", "h1"),
        WEAVE_MTU="8950",
    )
    assert (options.conn_limit, options.http_addr) == (5, ("127.0.0.1", 7784))
    assert (options.nickname, options.port, options.name) == ("n", 7000, "00:00:00:00:00:01")
    assert (options.targets, options.discovery, options.mtu) == (("h1", "h2:1"), False, 8950)


@pytest.mark.parametrize(
    "argv",
    [
        ["--port", "0"],
        ["--port", "65535"],
        ["--port", "x"],
        ["--port"],
        ["--name", "x"],
        ["--conn-limit", "-1"],
        ["--http-addr", "0.0.0.0:6784"],
        ["--http-addr", "127.0.0.1"],
        ["--metrics-addr", "127.0.0.1"],
        ["--metrics-addr", "h1:6782"],
        ["--host", "h1"],
        ["--log-level", "loud"],
        ["--unknown"],
        ["--nick", "x"],
        ["h1:0"],
        ["h1:x"],
        ["-x"],
        ["300.1.1.1"],
        ["http://h1"],
        ["h1", "--port", "1"],
        ["--resume", "h1"],
        ["h 1"],
        [""],
    ],
)
def test_what_makes_no_sense_is_one_line(argv: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        _parse(*argv)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "where"),
    [("", None), (":7000", ("127.0.0.1", 7000)), ("0.0.0.0:6782", ("0.0.0.0", 6782))],  # noqa: S104
)
def test_metrics_are_anywhere_or_nowhere(text: str, where: tuple[str, int] | None) -> None:
    assert _parse("--metrics-addr", text).metrics_addr == where


@pytest.mark.parametrize("mtu", ["x", "100", "70000", "-1"])
def test_an_impossible_mtu_is_one_line(mtu: str) -> None:
    with pytest.raises(HostError, match="WEAVE_MTU"):
        _parse(WEAVE_MTU=mtu)


def test_a_password_in_the_environment_is_refused_because_inspect_shows_it() -> None:
    with pytest.raises(UsageError, match="weave launch") as caught:
        _parse(WEAVE_PASSWORD="hunter2")
    assert "hunter2" not in str(caught.value)


def test_a_password_in_the_state_is_taken_with_the_subnets_that_need_none(tmp_path: Path) -> None:
    state = ("--state-dir", str(tmp_path))
    assert _parse(*state).secrecy is None
    (tmp_path / passwords.FILE).write_bytes(passwords.packed("hunter2"))
    secrecy = _parse(*state, "--trusted-subnets", "10.0.0.0/8, fd00::/8").secrecy
    assert secrecy is not None
    assert secrecy.keyring.password == "hunter2"
    assert "hunter2" not in repr(secrecy)
    assert secrecy.trusts(parse_ip("10.2.3.4"))
    assert secrecy.trusts(parse_ip("fd00::1"))
    assert not secrecy.trusts(parse_ip("192.0.2.1"))
    with pytest.raises(UsageError, match="--trusted-subnets"):
        _parse(*state, "--trusted-subnets", "10.0.0.1/8")


def test_a_nickname_is_made_fit_to_be_printed() -> None:
    assert _parse("--nickname", "a\x1b[1mb\n").nickname == "a[1mb"
    assert len(_parse("--nickname", "x" * 300).nickname) == 64
