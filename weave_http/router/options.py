"""The router's command line."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from weave_http import constants
from weave_http.addresses import IP, parse_peer_address
from weave_http.errors import UsageError
from weave_http.operations.flag_words import read
from weave_http.operations.flags import FLAGS, Flag, variable
from weave_http.proxy.listening import NOWHERE, Listening, listening_of
from weave_http.proxy.settings import Settings, settings_of
from weave_http.records import dataclass
from weave_http.router.addresses.options import AddressOptions
from weave_http.router.addresses.options import from_flags as address_options
from weave_http.router.mesh.identity import PeerName, parse_peer_name
from weave_http.router.names.options import DnsOptions
from weave_http.router.names.options import from_flags as dns_options
from weave_http.router.secrecy.options import SecrecyOptions
from weave_http.router.secrecy.options import from_flags as secrecy_options

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
        enforce: whether containers send only from what they were given.
        mtu: of the overlay, in bytes; None to derive it from the underlay's.
        targets: `HOST[:PORT]` of peers to dial.
        dns: how names are served, None not to.
        addresses: how addresses are handed out, None not to.
        secrecy: how a router with a password treats peers, None without a password.
        proxy: how the Docker API is served, None not to.
        listening: where it is served by TCP.
        plugin: whether it is the engine's network plugin.
        offload: whether packets go into a tunnel in user space joined.
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
    enforce: bool
    mtu: int | None
    targets: tuple[str, ...]
    dns: DnsOptions | None = None
    addresses: AddressOptions | None = None
    secrecy: SecrecyOptions | None = None
    proxy: Settings | None = None
    listening: Listening = NOWHERE
    plugin: bool = False
    offload: bool = True

    @property
    def local_ports(self) -> tuple[int, ...]:
        """TCP ports on which only programs of this host are served."""
        served = (self.http_addr, self.metrics_addr)
        return tuple({where[1]: None for where in served if where is not None})


def parse(argv: Sequence[str], env: Mapping[str, str] = os.environ) -> Options:
    """Return the options.

    Args:
        argv: what follows `weave --router`: flags by one dash or two, then peers.
        env: `WEAVE_MTU`, `WEAVE_PASSWORD`, `DOCKER_BRIDGE` and `PROCFS` are looked at.

    Raises:
        WeaveError: they make no sense.
    """
    if env.get("WEAVE_PASSWORD"):
        hint = "give it to `weave launch`, which keeps it in a file"
        raise UsageError("a password in a router's environment is for everyone to see who may inspect it", hint=hint)
    values, targets = read(argv, _TABLE)
    if values["resume"] and targets:
        raise UsageError("--resume dials the targets of the last time", hint="leave out either it or the peers")
    targets = [str(parse_peer_address(target)) for target in targets]
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
        enforce=values["enforce"],
        mtu=variable("mtu", env),
        targets=tuple(dict.fromkeys(targets)),
        dns=dns_options(values, env),
        addresses=address_options(values, len(set(targets))),
        proxy=settings_of(values) if values["proxy"] else None,
        listening=listening_of(values),
        secrecy=secrecy_options(values),
        plugin=values["plugin"] and bool(env.get("PROCFS")),
        offload=values["offload"],
    )


def _nickname(text: str) -> str:
    return "".join(character for character in text if character.isprintable())[:_LONGEST_NICKNAME] or "?"
