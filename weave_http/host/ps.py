"""`ps`: a line `ID MAC CIDR…` for the bridge and for each interface of a container on the network."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from weave_http.engine.errors import InvalidReference, NotFound
from weave_http.errors import HostError
from weave_http.host.expose import ID as EXPOSE
from weave_http.host.host import Host
from weave_http.operations import Ps

_ID_LENGTH = 12


def run(host: Host, op: Ps) -> None:
    """Print the lines, or an array in JSON; what is stopped or not on the network has none.

    Raises:
        HostError: there is no container of a name; the others are listed all the same.
        EngineError: the engine can't be asked.
    """
    unknown: list[str] = []
    found = _listed(host, op.containers, unknown)
    if op.json:
        entries = [{"ID": item, "MAC": mac, "Addresses": addresses} for item, mac, addresses in found]
        host.say(json.dumps(entries, indent=4))
    else:
        for item, mac, addresses in found:
            host.say(" ".join([item, mac, *addresses]))
    if unknown:
        raise HostError(f"no such container: {', '.join(unknown)}", hint="docker ps lists those that run")


def _listed(host: Host, items: Sequence[str], unknown: list[str]) -> Iterator[tuple[str, str, list[str]]]:
    """Yield id, MAC and addresses in CIDR notation.

    Args:
        host: where.
        items: names, ids or `weave:expose`; none for all that there are.
        unknown: takes the ones of which there is no container.
    """
    from weave_http.net import bridge, guest

    for item in items or [EXPOSE, *_running(host)]:
        if item == EXPOSE:
            found = bridge.describe()
            if found is not None:
                yield EXPOSE, found[0].mac, [str(cidr) for cidr in found[1]]
            continue
        try:
            container = host.engine.containers.inspect(item)
        except (InvalidReference, NotFound):
            if items:  # else it has just ended
                unknown.append(item)
            continue
        pid = container["State"]["Pid"]
        for mac, addresses in guest.interfaces(guest.Target(pid, item, host.procfs)) if pid else ():
            yield container["Id"][:_ID_LENGTH], mac, [str(cidr) for cidr in addresses]


def _running(host: Host) -> list[str]:
    """Return the ids of the containers that run, but for those on the host's own network, as the router: none is ours.

    Reading all of a host's links takes longer than everything else.
    """
    listed = host.engine.containers.list()
    return [each["Id"] for each in listed if "host" not in (each.get("NetworkSettings") or {}).get("Networks", {})]
