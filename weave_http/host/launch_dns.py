"""`launch-dns`, of Weave 0.10: names are served by the router, so this only makes sure that they are.

There, the server was a container of its own, with an address on the network. Here neither is needed.
"""

from __future__ import annotations

from weave_http.errors import HostError
from weave_http.host import router_container
from weave_http.host.host import Host
from weave_http.operations import LaunchDns


def run(host: Host, op: LaunchDns) -> None:
    """Print the id of the router's container, which serves names.

    Raises:
        HostError: there is no router, or it serves no names, or others than asked for.
    """
    host.router.dns_address()
    domain = host.router.domain()
    if op.domain and op.domain.rstrip(".").lower() != domain.rstrip("."):
        hint = f"launch the router with --dns-domain {op.domain}"
        raise HostError(f"the router serves names in {domain}, not in {op.domain}", hint=hint)
    found = router_container.find(host)
    if found is None or not found.ours:
        raise HostError(f"no container {host.router_container} is a router of ours")
    address = op.arguments[0]
    host.warn(f"names are served by the router, in {domain}; the address {address} is not needed and stays free")
    host.say(found.id)
