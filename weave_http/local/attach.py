"""`attach CIDR… CONTAINER`: join a running container to the network."""

from __future__ import annotations

from weave_http.addresses import cidrs_and_container
from weave_http.errors import ExitCode
from weave_http.local.dns_names import give_name
from weave_http.local.host import Host, running_target


def run(host: Host, words: list[str]) -> int:
    """Give a container addresses, and tell the router so that it gets them again when it restarts.

    If its hostname has a domain, its addresses get that name.

    Raises:
        UsageError: the words are no CIDRs followed by a container.
        WeaveError: it did not work, and nothing was changed.
    """
    addresses, name = cidrs_and_container(words)
    container = host.container(name)
    target = running_target(host, container, name)

    from weave_http.net import bridge, firewall, guest

    guest.check_joinable(target)
    bridge.ensure_bridge(mtu=host.wanted_mtu())
    firewall.ensure()
    change = guest.plug(target, addresses)
    try:
        host.record(container, change.addresses)
    except BaseException:
        guest.unplug(target, change.changed)
        raise
    give_name(host, container, addresses)
    return ExitCode.OK
