"""The router's command line."""

from __future__ import annotations

import argparse
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path
from typing import NoReturn

from weave_http import constants
from weave_http.errors import UsageError
from weave_http.host.router_client import http_address
from weave_http.router.mesh.identity import parse_peer_name
from weave_http.router.mesh.resolve import parse_target
from weave_http.router.names.options import DnsOptions, add_flags
from weave_http.router.names.options import from_flags as dns_options

_ALL = "0.0.0.0"  # noqa: S104
_LONGEST_NICKNAME = 64
_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class Options:
    """What the router was told at its start.

    Args:
        port: TCP port for peers; their data uses UDP on the next one.
        name: peer name, None to find one.
        nickname: for people; the host's name by default.
        http_addr: address and port of the API.
        state_dir: where it keeps what must survive it.
        conn_limit: most connections, 0 for any number.
        resume: dial the targets that were kept instead of given ones.
        discovery: whether peers are dialled that others know.
        log_level: what is worth a line.
        host: IPv4 address to listen on.
        mtu: of the overlay, in bytes; None to derive it from the underlay's.
        targets: `HOST[:PORT]` of peers to dial.
        dns: how names are served, None not to.
    """

    port: int
    name: str | None
    nickname: str
    http_addr: tuple[str, int]
    state_dir: Path
    conn_limit: int
    resume: bool
    discovery: bool
    log_level: str
    host: str
    mtu: int | None
    targets: tuple[str, ...]
    dns: DnsOptions | None = None


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def parse(argv: Sequence[str], env: Mapping[str, str] = os.environ) -> Options:
    """Return the options.

    Args:
        argv: what follows `weave --router`; each flag may have one dash or two, as in Weave 0.10 and later.
        env: `WEAVE_MTU`, `WEAVE_PASSWORD`, `DOCKER_BRIDGE` and `PROCFS` are looked at.

    Raises:
        UsageError: they make no sense.
    """
    if env.get("WEAVE_PASSWORD"):
        hint = "unset WEAVE_PASSWORD to go without"
        raise UsageError("a password is set, but this version of the router can't encrypt", hint=hint)
    parsed = _parser().parse_intermixed_args(list(argv))
    if parsed.resume and parsed.targets:
        raise UsageError("--resume dials the targets of the last time", hint="leave out either it or the peers")
    for target in parsed.targets:
        parse_target(target, parsed.port)
    return Options(
        port=parsed.port,
        name=parse_peer_name(parsed.name) if parsed.name else None,
        nickname=_nickname(parsed.nickname or socket.gethostname()),
        http_addr=http_address(parsed.http_addr),
        state_dir=Path(parsed.state_dir),
        conn_limit=parsed.conn_limit,
        resume=parsed.resume,
        discovery=not parsed.no_discovery,
        log_level=parsed.log_level,
        host=_host(parsed.host),
        mtu=_number("WEAVE_MTU", env["WEAVE_MTU"], constants.LEAST_MTU, constants.GREATEST_MTU)
        if env.get("WEAVE_MTU")
        else None,
        targets=tuple(dict.fromkeys(parsed.targets)),
        dns=dns_options(parsed, env),
    )


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="weave --router", allow_abbrev=False)

    def flag(name: str, *aliases: str, **settings: object) -> None:
        spellings = [f"{dashes}{word}" for word in (name, *aliases) for dashes in ("--", "-")]
        parser.add_argument(*spellings, dest=name.replace("-", "_"), **settings)  # type: ignore[arg-type]

    flag("port", type=lambda text: _number("--port", text, 1, 65534), default=constants.PEER_PORT)
    flag("name", default="")
    flag("nickname", default="")
    flag("http-addr", "httpaddr", default=f"127.0.0.1:{constants.ROUTER_HTTP_PORT}")
    flag("state-dir", default=constants.ROUTER_STATE)
    flag("conn-limit", "connlimit", type=lambda text: _number("--conn-limit", text, 0, 4096), default=200)
    flag("no-discovery", action="store_true")
    flag("resume", action="store_true")
    flag("log-level", choices=_LEVELS, default="info")
    flag("host", default=_ALL)
    add_flags(flag)
    parser.add_argument("targets", nargs="*", metavar="HOST[:PORT]")
    return parser


def _number(what: str, text: str, least: int, most: int) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
    if not least <= number <= most:
        raise UsageError(f"invalid {what} {text!r}", hint=f"expected a number from {least} to {most}")
    return number


def _nickname(text: str) -> str:
    return "".join(character for character in text if character.isprintable())[:_LONGEST_NICKNAME] or "?"


def _host(text: str) -> str:
    try:
        return str(IPv4Address(text))
    except AddressValueError as error:
        raise UsageError(f"invalid --host {text!r}", hint="expected an IPv4 address of this host") from error
