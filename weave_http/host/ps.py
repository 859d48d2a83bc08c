"""`ps [--format json] [CONTAINER…]`: a line `ID MAC CIDR…` for the bridge and for each container on the network."""

from __future__ import annotations

import json
from collections.abc import Iterator

from weave_http.engine.errors import InvalidReference, NotFound
from weave_http.errors import ExitCode
from weave_http.host.expose import ID as EXPOSE
from weave_http.host.host import Host, take_format

_ID_LENGTH = 12


def run(host: Host, words: list[str]) -> int:
    """Print the lines, or an array in JSON; what is unknown, stopped or not on the network has none.

    Raises:
        UsageError: an option that there is none of.
        EngineError: the engine can't be asked.
    """
    items, as_json = take_format(words)
    found = listed(host, items)
    if as_json:
        entries = [{"ID": item, "MAC": mac, "Addresses": addresses} for item, mac, addresses in found]
        host.say(json.dumps(entries, indent=4))
        return ExitCode.OK
    for item, mac, addresses in found:
        host.say(" ".join([item, mac, *addresses]))
    return ExitCode.OK


def listed(host: Host, items: list[str]) -> Iterator[tuple[str, str, list[str]]]:
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
                yield EXPOSE, found[0].mac, list(map(str, found[1]))
            continue
        try:
            container = host.engine.containers.inspect(item)
        except (InvalidReference, NotFound):
            continue
        pid = container["State"]["Pid"]
        state = guest.describe(guest.Target(pid, item, host.procfs)) if pid else None
        if state is not None:
            mac, addresses = state
            yield container["Id"][:_ID_LENGTH], mac, list(map(str, addresses))
