from __future__ import annotations

import pytest

from weave_http.addresses import parse_ip
from weave_http.errors import UsageError
from weave_http.router.names.options import DnsOptions
from weave_http.router.options import parse


def _dns(*argv: str, **env: str) -> DnsOptions | None:
    return parse(argv, env).dns


def test_names_are_served_unless_told_otherwise() -> None:
    assert _dns() == DnsOptions()
    assert _dns("--no-dns") is None


def test_each_option_has_its_say() -> None:
    argv = "--dns-domain Foo.Bar. -dns-ttl=30 --dns-fallback-timeout 1500ms --resolv-conf /x/y --dns-listen-address"
    options = _dns(*argv.split(), "10.0.0.1:5353", DOCKER_BRIDGE="br0", PROCFS="/hostproc")
    assert options == DnsOptions("foo.bar", (parse_ip("10.0.0.1"), 5353), "br0", 30, 1.5, "/x/y", "/hostproc")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("10.0.0.1", ("10.0.0.1", 53)), (":54", ("", 54)), ("", ("", 53)), ("0.0.0.0:53", ("0.0.0.0", 53))],  # noqa: S104
)
def test_where_to_listen(text: str, expected: tuple[str, int]) -> None:
    options = _dns("--dns-listen-address", text)
    assert options is not None
    assert options.listen == (parse_ip(expected[0]) if expected[0] else None, expected[1])


@pytest.mark.parametrize(("text", "seconds"), [("5s", 5.0), ("5", 5.0), ("0.5s", 0.5), ("250ms", 0.25), ("1m", 60.0)])
def test_a_timeout_is_written_as_in_weave(text: str, seconds: float) -> None:
    options = _dns("--dns-fallback-timeout", text)
    assert options is not None
    assert options.timeout == seconds


@pytest.mark.parametrize(
    "argv",
    [
        "--dns-domain a..b",
        "--dns-domain .",
        "--dns-ttl -1",
        "--dns-ttl x",
        "--dns-ttl 9999999999",
        "--dns-fallback-timeout 0",
        "--dns-fallback-timeout 5h",
        "--dns-fallback-timeout 61s",
        "--dns-listen-address x",
        "--dns-listen-address 10.0.0.1:0",
        "--dns-listen-address 10.0.0.1:x",
        "--dns-listen-address 10.0.0.300:53",
        "--resolv-conf etc/resolv.conf",
    ],
)
def test_what_makes_no_sense_is_one_line(argv: str) -> None:
    with pytest.raises(UsageError) as caught:
        _dns(*argv.split())
    assert argv.split()[0] in str(caught.value)
    assert "\n" not in str(caught.value)
