"""What the router is told about names."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address
from pathlib import PurePosixPath

from weave_http import constants
from weave_http.errors import UsageError
from weave_http.operations.hostnames import parse_hostname
from weave_http.router.names.resolv_conf import FILE
from weave_http.router.names.upstream import PORT

_DURATION = re.compile(r"(?P<number>\d{1,6}(\.\d{1,6})?)(?P<unit>ms|s|m|)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "": 1.0}
_LONGEST_TIMEOUT = 60.0
_GREATEST_TTL = 2**31 - 1


@dataclass(frozen=True, slots=True)
class DnsOptions:
    """How names are served.

    Args:
        domain: of the names, lower case without the last dot.
        listen: IPv4 address and port; an empty address stands for that of the bridge.
        bridge: the engine's own bridge.
        ttl: seconds for which an answer may be kept.
        timeout: seconds for a query to other servers.
        resolv_conf: path of the file, on the host, that lists these.
        procfs: where the host's /proc is.
    """

    domain: str = constants.DNS_DOMAIN
    listen: tuple[str, int] = ("", PORT)
    bridge: str = constants.DOCKER_BRIDGE
    ttl: int = 1
    timeout: float = 5.0
    resolv_conf: str = FILE
    procfs: str = constants.PROCFS


def add_flags(flag: Callable[..., None]) -> None:
    """Add the flags to a parser.

    Args:
        flag: adds one; takes its name and what argparse wants to know.
    """
    flag("no-dns", action="store_true")
    flag("dns-domain", default=f"{constants.DNS_DOMAIN}.")
    flag("dns-listen-address", default="")
    flag("dns-ttl", default="1")
    flag("dns-fallback-timeout", default="5s")
    flag("resolv-conf", default=FILE)


def from_flags(parsed: Namespace, env: Mapping[str, str]) -> DnsOptions | None:
    """Return the options, None when no names are to be served.

    Args:
        parsed: what the parser found.
        env: `DOCKER_BRIDGE` and `PROCFS` are looked at.

    Raises:
        UsageError: they make no sense.
    """
    if parsed.no_dns:
        return None
    if not PurePosixPath(parsed.resolv_conf).is_absolute():
        raise UsageError(f"invalid --resolv-conf {parsed.resolv_conf!r}", hint="expected an absolute path on the host")
    return DnsOptions(
        domain=_domain(parsed.dns_domain),
        listen=_listen(parsed.dns_listen_address),
        bridge=env.get("DOCKER_BRIDGE") or constants.DOCKER_BRIDGE,
        ttl=_ttl(parsed.dns_ttl),
        timeout=_duration(parsed.dns_fallback_timeout),
        resolv_conf=parsed.resolv_conf,
        procfs=env.get("PROCFS") or constants.PROCFS,
    )


def _domain(text: str) -> str:
    try:
        return parse_hostname(text)
    except UsageError as error:
        raise UsageError(f"invalid --dns-domain {text!r}", hint="expected a domain, as weave.local.") from error


def _listen(text: str) -> tuple[str, int]:
    host, colon, digits = text.partition(":")
    port = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 6 else 0
    try:
        address = str(IPv4Address(host)) if host else ""
    except AddressValueError:
        port = -1
    else:
        if not colon:
            return address, PORT
    if not 0 < port < 65536:
        raise UsageError(f"invalid --dns-listen-address {text!r}", hint="expected ADDRESS[:PORT], with an IPv4 address")
    return address, port


def _ttl(text: str) -> int:
    ttl = int(text) if text.isascii() and text.isdigit() and len(text) < 11 else -1
    if not 0 <= ttl <= _GREATEST_TTL:
        raise UsageError(f"invalid --dns-ttl {text!r}", hint="expected a number of seconds")
    return ttl


def _duration(text: str) -> float:
    match = _DURATION.fullmatch(text)
    seconds = float(match["number"]) * _SECONDS[match["unit"]] if match else 0.0
    if not 0 < seconds <= _LONGEST_TIMEOUT:
        hint = f"expected up to {_LONGEST_TIMEOUT:.0f} s, as 5s or 500ms"
        raise UsageError(f"invalid --dns-fallback-timeout {text!r}", hint=hint)
    return seconds
