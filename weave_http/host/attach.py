"""`attach`: join a running container to the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial

from weave_http.addresses import Cidr, ips
from weave_http.errors import WeaveError
from weave_http.hints import Any
from weave_http.host import taken
from weave_http.host.allocation import allocated
from weave_http.host.dns_names import give_name
from weave_http.host.host import Host, running_target
from weave_http.operations import Attach


def run(host: Host, op: Attach) -> None:
    """Give a container addresses, and tell the router so that it gets them again when it restarts.

    If its hostname has a domain, its addresses get that name.

    Raises:
        WeaveError: it did not work, and nothing was changed.
    """
    host.say_addresses(join(host, op, host.container(op.container)))


def join(host: Host, op: Attach, container: Mapping[str, Any]) -> tuple[Cidr, ...]:
    """Join a container that was looked up already, and return the addresses that were asked for.

    Args:
        host: where it is.
        op: how it joins.
        container: what inspect said.

    Raises:
        WeaveError: it did not work, and nothing was changed.
    """
    target = running_target(host, container, op.container)

    from weave_http.net import bridge, firewall, guest

    guest.check_joinable(target)
    with allocated(host, container["Id"], op.addresses) as addresses:
        taken.check(host, container, addresses)
        bridge.ensure_bridge(mtu=host.wanted_mtu())
        firewall.ensure(host.docker_bridge)
        host.warn_of_overlaps(addresses)

        told = False

        def prepare(has: Sequence[Cidr]) -> None:
            nonlocal told
            if op.rewrite_hosts or op.extra_hosts:
                from weave_http.host import hosts_file

                hosts_file.write(host, container, ips(has) if op.rewrite_hosts else [], op.extra_hosts)
            told = host.tell(container, has)
            if op.dns:
                give_name(host, container, ips(addresses))

        noted = partial(host.noted, container["Id"])
        try:
            guest.plug(target, addresses, multicast=op.multicast, noted=noted, prepare=prepare)
        except BaseException:
            if told:
                with suppress(WeaveError):
                    host.record(container, ())  # what it has by now
            raise
    return addresses
