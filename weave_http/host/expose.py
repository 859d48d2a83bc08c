"""`expose` and `hide`: the host itself on the network, and off it again."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from weave_http.addresses import Cidr, ips
from weave_http.host.allocation import allocated, known
from weave_http.host.host import Host
from weave_http.host.restarting import answered
from weave_http.host.router_api import RouterError, RouterUnavailable
from weave_http.operations import Expose, Hide

ID = "weave:expose"
"""Stands for the host where others have a container's id."""


def run(host: Host, op: Expose) -> None:
    """Give the bridge addresses, and print these.

    The router does it where there is one (`POST /expose`), and remembers; else it lasts until the host
    reboots or somebody flushes the rules.

    Raises:
        WeaveError: it did not work.
    """
    with allocated(host, ID, op.addresses) as addresses:
        host.warn_of_overlaps(addresses)
        _warn_of_forwarding(host, addresses)
        try:
            host.router.expose(addresses, masquerade=op.masquerade, name=op.fqdn)
        except RouterUnavailable:
            from weave_http.net import bridge, expose

            bridge.ensure_bridge(mtu=host.wanted_mtu())
            expose.expose(lambda: dict.fromkeys(addresses, op.masquerade), host.docker_bridge)
    if op.fqdn:
        for ip in ips(addresses):
            with suppress(RouterUnavailable, RouterError):  # names are an extra, as ever
                host.router.put_name(ID, ip, op.fqdn)
    host.say_addresses(addresses)


def _warn_of_forwarding(host: Host, addresses: Iterable[Cidr]) -> None:
    """Print a line if IPv6 of the network can't get further than to the host."""
    from weave_http.net import sysctl

    if any(cidr.version == 6 for cidr in addresses) and not sysctl.forwards_ipv6():
        said = "this host does not forward IPv6, so containers reach the host alone by it"
        host.warn(f"WARNING: {said}; sysctl -w net.ipv6.conf.all.forwarding=1")


def hide(host: Host, op: Hide) -> None:
    """Take addresses from the bridge, with their rules and names, and print them; absent ones are no matter.

    Where there is a router, it does so (`DELETE /expose`), and forgets; else the next one is told by a note.

    Raises:
        WeaveError: it did not work.
    """
    addresses = known(host, ID, op.addresses)
    try:
        answered(host, lambda: host.router.hide(addresses))
    except RouterUnavailable:
        from weave_http.host import withdrawals
        from weave_http.net import expose

        withdrawals.note(host, ID, addresses)
        expose.hide(addresses, host.docker_bridge)
    for ip in ips(addresses):
        with suppress(RouterUnavailable, RouterError):
            host.router.delete_name(ID, ip)
        with suppress(RouterUnavailable, RouterError):
            host.router.release_address(ID, ip)
    host.say_addresses(addresses)
