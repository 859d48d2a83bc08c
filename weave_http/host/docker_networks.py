"""Docker's networks of ours, when nothing of weave's is to stay."""

from __future__ import annotations

from contextlib import ExitStack, suppress

from weave_http.engine.errors import APIError
from weave_http.errors import EngineError
from weave_http.host import plugin_files
from weave_http.host.host import Host
from weave_http.host.plugin_stub import answering
from weave_http.host.router_container import find
from weave_http.printable import some_of


def remove(host: Host) -> None:
    """Remove them, and the files by which the engine finds their plugin. One that containers are on stays, and is said.

    Without a router there is nobody whom the engine could ask for it; then we answer.
    """
    with suppress(EngineError):
        networks = host.engine.networks.list(filters={"driver": list(plugin_files.DRIVERS)})
        networks = [each for each in networks if each.get("Driver") in plugin_files.DRIVERS]
        router = find(host) if networks else None
        with ExitStack() as stack:
            if networks and not (router and router.ours and router.status == "running"):
                stack.enter_context(answering(host.procfs))
            if sum(_remove(host, str(each["Id"])) for each in networks) == len(networks):
                plugin_files.unguard(host.procfs)
    plugin_files.withdraw(host.procfs, mine=False)


def _remove(host: Host, identity: str) -> bool:
    """Remove a network; return whether it is gone."""
    network = host.engine.networks.inspect(identity)
    name = network["Name"]
    if on_it := sorted(str(each.get("Name")) for each in (network.get("Containers") or {}).values()):
        hint = "remove them, reset again"
        host.warn(f"WARNING: the Docker network {name} stays, these containers are on it: {some_of(on_it)}; {hint}")
        return False
    try:
        host.engine.networks.remove(identity)
    except APIError as error:
        host.warn(f"WARNING: the Docker network {name} stays: {error}")
        return False
    return True
