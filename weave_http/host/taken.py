"""Whether somebody on this host has an address already that a container is to get."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

from weave_http.addresses import IP, Cidr, ips, parse_cidr
from weave_http.engine.errors import NotFound
from weave_http.errors import HostError
from weave_http.hints import Any
from weave_http.host.host import Host
from weave_http.host.router_api import RouterError, RouterUnavailable


def check(host: Host, container: Mapping[str, Any], addresses: Iterable[Cidr]) -> None:
    """Raise `HostError` if the host is exposed by one of the addresses, or another running container has it.

    Of containers only those are looked at that the router knows to have it: others on the host cost nothing.

    Args:
        host: where.
        container: what inspect said of the one that is to get them.
        addresses: which.
    """
    from weave_http.net import bridge

    wanted = set(ips(addresses))
    exposed = bridge.describe()
    for ip in ips(exposed[1]) if exposed else ():
        if ip in wanted:
            raise HostError(f"the host itself has the address {ip}", hint=f"choose another one, or: weave hide {ip}/…")
    for identity, ip in _attached(host, wanted):
        if identity == container["Id"]:
            continue
        with suppress(NotFound):
            other = host.engine.containers.inspect(identity)
            if other["State"]["Pid"] and _has(host, other, ip):
                name = str(other["Name"]).removeprefix("/")
                raise HostError(
                    f"container {name} has the address {ip} already",
                    hint=f"choose another one, or take it from there: weave detach CIDR {name}",
                )


def _attached(host: Host, wanted: set[IP]) -> list[tuple[str, IP]]:
    """Return who is to have which of the addresses, as the router knows; nobody where there is none."""
    try:
        attachments = host.router.attachments()
    except (RouterUnavailable, RouterError):
        return []
    found = [(identity, parse_cidr(text).ip) for identity, texts in attachments.items() for text in texts]
    return [(identity, ip) for identity, ip in found if ip in wanted]


def _has(host: Host, container: Mapping[str, Any], ip: IP) -> bool:
    """Tell whether a container has an address now: it may have ended, or been changed by hand."""
    from weave_http.net import guest

    state = guest.describe(guest.Target(container["State"]["Pid"], container["Id"], host.procfs))
    return state is not None and ip in ips(state[1])
