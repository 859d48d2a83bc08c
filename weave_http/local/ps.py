"""`ps [CONTAINER…]`: a line `ID MAC CIDR…` for the bridge and for each container on the network."""

from __future__ import annotations

from collections.abc import Iterable

from weave_http.engine.errors import NotFound
from weave_http.errors import ExitCode
from weave_http.local.expose import ID as EXPOSE
from weave_http.local.host import Host

_ID_LENGTH = 12


def run(host: Host, words: list[str]) -> int:
    """Print the lines; what is unknown, stopped or not on the network has none.

    Raises:
        EngineError: the engine can't be asked.
    """
    from weave_http.net import bridge, guest

    for item in words or [EXPOSE, *(each["Id"] for each in host.engine.containers.list())]:
        if item == EXPOSE:
            found = bridge.describe()
            if found is not None:
                host.say(_line(EXPOSE, found[0].mac, found[1]))
            continue
        try:
            container = host.engine.containers.inspect(item)
        except NotFound:
            continue
        pid = container["State"]["Pid"]
        state = guest.describe(guest.Target(pid, item, host.procfs)) if pid else None
        if state is not None:
            host.say(_line(container["Id"][:_ID_LENGTH], *state))
    return ExitCode.OK


def _line(item: str, mac: str, addresses: Iterable[str]) -> str:
    return " ".join([item, mac, *addresses])
