"""The router's command line."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from weave_http import constants
from weave_http.addresses import IP, parse_peer_address
from weave_http.errors import UsageError
from weave_http.operations.flags import FLAGS, Flag, read, variable
from weave_http.router.addresses.options import AddressOptions
from weave_http.router.addresses.options import from_flags as address_options
from weave_http.router.mesh.identity import PeerName, parse_peer_name
from weave_http.router.names.options import DnsOptions
from weave_http.router.names.options import from_flags as dns_options
from weave_http.router.secrecy.options import SecrecyOptions

_LONGEST_NICKNAME = 64
_TABLE = (
    *(flag for flag in FLAGS if flag.to == "router"),
    Flag("state-dir", "Where it keeps what must survive it.", "PATH", Path, Path(constants.ROUTER_STATE)),
)


@dataclass(frozen=True, slots=True)
class Options:
    """What the router was told at its start.

    Args:
        port: TCP port for peers; their data uses UDP on the next one.
        name: peer name, None to find one.
        nickname: for people; the host's name by default.
        http_addr: address and port of the API.
        metrics_addr: address and port of the metrics, None for none.
        state_dir: where it keeps what must survive it.
        conn_limit: most connections, 0 for any number.
        resume: dial the targets that were kept instead of given ones.
        discovery: whether peers are dialled that others know.
        log_level: what is worth a line.
        host: address to listen on.
        mtu: of the overlay, in bytes; None to derive it from the underlay's.
        targets: `HOST[:PORT]` of peers to dial.
        dns: how names are served, None not to.
        addresses: how addresses are handed out, None not to.
        secrecy: how a router with a password treats peers, None without a password.
        plugin: whether it is the engine's network plugin.
    """

    port: int
    name: PeerName | None
    nickname: str
    http_addr: tuple[str, int]
    metrics_addr: tuple[str, int] | None
    state_dir: Path
    conn_limit: int
    resume: bool
    discovery: bool
    log_level: str
    host: IP
    mtu: int | None
    targets: tuple[str, ...]
    dns: DnsOptions | None = None
    addresses: AddressOptions | None = None
    secrecy: SecrecyOptions | None = None
    plugin: bool = False


def parse(argv: Sequence[str], env: Mapping[str, str] = os.environ) -> Options:
    """Return the options.

    Args:
        argv: what follows `weave --router`: flags by one dash or two, then peers.
        env: `WEAVE_MTU`, `WEAVE_PASSWORD`, `DOCKER_BRIDGE` and `PROCFS` are looked at.

    Raises:
        WeaveError: they make no sense.
    """
    if env.get("WEAVE_PASSWORD"):
        hint = "unset WEAVE_PASSWORD to go without"
        raise UsageError("a password is set, but this version of the router can't encrypt", hint=hint)
    values, targets = read(argv, _TABLE)
    if values["resume"] and targets:
        raise UsageError("--resume dials the targets of the last time", hint="leave out either it or the peers")
    for target in targets:
        parse_peer_address(target)
    return Options(
        port=values["port"],
        name=parse_peer_name(values["name"]) if values["name"] else None,
        nickname=_nickname(values["nickname"] or socket.gethostname()),
        http_addr=values["http-addr"],
        metrics_addr=values["metrics-addr"],
        state_dir=values["state-dir"],
        conn_limit=values["conn-limit"],
        resume=values["resume"],
        discovery=not values["no-discovery"],
        log_level=values["log-level"],
        host=values["host"],
        mtu=variable("mtu", env),
        targets=tuple(dict.fromkeys(targets)),
        dns=dns_options(values, env),
        addresses=address_options(values, len(set(targets))),
        plugin=not values["no-plugin"] and bool(env.get("PROCFS")),
    )


def _nickname(text: str) -> str:
    return "".join(character for character in text if character.isprintable())[:_LONGEST_NICKNAME] or "?"
