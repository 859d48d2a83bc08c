"""`create-bridge`, `bridge-type` and `docker-bridge-ip`: for scripts that bring up a network of their own."""

from __future__ import annotations

from weave_http import constants
from weave_http.errors import HostError
from weave_http.host.host import Host
from weave_http.operations import Operation


def create_bridge(host: Host, op: Operation) -> None:
    """Make bridge and firewall's rules, or leave what there is as it is. Raises `HostError`: the kernel refused."""
    from weave_http.net import bridge, firewall

    bridge.ensure_bridge(mtu=host.wanted_mtu())
    firewall.ensure(host.docker_bridge)


def bridge_type(host: Host, op: Operation) -> None:
    """Print `bridge`; only one of Weave's kinds is left. Raises `HostError`: there is no bridge."""
    from weave_http.net import bridge

    if bridge.describe() is None:
        raise HostError("there is no bridge weave", hint="make it: weave launch")
    host.say("bridge")


def docker_bridge_ip(host: Host, op: Operation) -> None:
    """Print the first IPv4 address of the interface `$DOCKER_BRIDGE`, docker0 by default.

    Where neither is, as on Podman, it is what the engine says of its default network.

    Raises:
        HostError: there is no such interface, or it has no address.
    """
    from weave_http.net.interfaces import first_address

    chosen = host.env.get("DOCKER_BRIDGE")
    name = chosen or constants.DOCKER_BRIDGE
    address = first_address(name) or (None if chosen else host.engine.networks.default_gateway())
    if not address:
        hint = "DOCKER_BRIDGE names the engine's bridge"
        raise HostError(f"there is no interface {name}, or it has no address", hint=hint)
    host.say(address)
