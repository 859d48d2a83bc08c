"""`ps`: a line `ID MAC CIDR…` for the bridge and for each container on the network."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from weave_http.engine.errors import InvalidReference, NotFound
from weave_http.host.expose import ID as EXPOSE
from weave_http.host.host import Host
from weave_http.operations import Ps

_ID_LENGTH = 12


def run(host: Host, op: Ps) -> None:
    """Print the lines, or an array in JSON; what is unknown, stopped or not on the network has none.

    Raises:
        EngineError: the engine can't be asked.
    """
    found = _listed(host, op.containers)
    if op.json:
        entries = [{"ID": item, "MAC": mac, "Addresses": addresses} for item, mac, addresses in found]
        host.say(json.dumps(entries, indent=4))
        return
    for item, mac, addresses in found:
        host.say(" ".join([item, mac, *addresses]))


def _listed(host: Host, items: Sequence[str]) -> Iterator[tuple[str, str, list[str]]]:
    """Yield id, MAC and addresses in CIDR notation.

    Args:
        host: where.
        items: names, ids or `weave:expose`; none for all that there are.
    """
    from weave_http.net import bridge, guest

    for item in items or [EXPOSE, *(each["Id"] for each in host.engine.containers.list())]:
        if item == EXPOSE:
            found = bridge.describe()
            if found is not None:
                yield EXPOSE, found[0].mac, [str(cidr) for cidr in found[1]]
            continue
        try:
            container = host.engine.containers.inspect(item)
        except (InvalidReference, NotFound):
            continue
        pid = container["State"]["Pid"]
        state = guest.describe(guest.Target(pid, item, host.procfs)) if pid else None
        if state is not None:
            yield container["Id"][:_ID_LENGTH], state[0], [str(cidr) for cidr in state[1]]
