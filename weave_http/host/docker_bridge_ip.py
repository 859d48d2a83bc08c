"""`docker-bridge-ip`: the address by which containers reach their host."""

from __future__ import annotations

from weave_http import constants
from weave_http.errors import ExitCode, HostError
from weave_http.host.host import Host, no_arguments


def run(host: Host, words: list[str]) -> int:
    """Print the first IPv4 address of the interface `$DOCKER_BRIDGE`, docker0 by default.

    Where neither is, as on Podman, it is what the engine says of its default network.

    Raises:
        UsageError: there are arguments.
        HostError: there is no such interface, or it has no address.
    """
    no_arguments(words)
    from weave_http.net.interfaces import first_address

    chosen = host.env.get("DOCKER_BRIDGE")
    name = chosen or constants.DOCKER_BRIDGE
    address = first_address(name) or ("" if chosen else host.engine.networks.default_gateway())
    if not address:
        hint = "DOCKER_BRIDGE names the engine's bridge"
        raise HostError(f"there is no interface {name}, or it has no address", hint=hint)
    host.say(str(address))
    return ExitCode.OK
