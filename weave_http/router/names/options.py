"""The name service's options, from the router's flags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weave_http import constants
from weave_http.addresses import IP
from weave_http.records import dataclass
from weave_http.router.names.resolv_conf import FILE
from weave_http.router.names.upstream import PORT


@dataclass(frozen=True, slots=True)
class DnsOptions:
    """How names are served.

    Args:
        domain: of the names, lower case without the last dot.
        listen: address and port; no address stands for that of the bridge.
        bridge: the engine's own bridge.
        ttl: seconds for which an answer may be kept.
        timeout: seconds for a query to other servers.
        resolv_conf: path of the file, on the host, that lists these.
        procfs: where the host's /proc is.
    """

    domain: str = constants.DNS_DOMAIN
    listen: tuple[IP | None, int] = (None, PORT)
    bridge: str = constants.DOCKER_BRIDGE
    ttl: int = 1
    timeout: float = 5.0
    resolv_conf: str = FILE
    procfs: str = constants.PROCFS


def from_flags(values: Mapping[str, Any], env: Mapping[str, str]) -> DnsOptions | None:
    """Return the options, None when no names are to be served.

    Args:
        values: of the router's flags, by name.
        env: `DOCKER_BRIDGE` and `PROCFS` are looked at.
    """
    if values["no-dns"]:
        return None
    address, port = values["dns-listen-address"]
    return DnsOptions(
        domain=values["dns-domain"],
        listen=(address, port),
        bridge=env.get("DOCKER_BRIDGE") or constants.DOCKER_BRIDGE,
        ttl=values["dns-ttl"],
        timeout=values["dns-fallback-timeout"],
        resolv_conf=values["resolv-conf"],
        procfs=env.get("PROCFS") or constants.PROCFS,
    )
