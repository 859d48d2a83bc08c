"""`attach [ip:]CIDR… [OPTION…] CONTAINER`: join a running container to the network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weave_http.addresses import parse_cidr
from weave_http.errors import ExitCode
from weave_http.host import joining
from weave_http.host.dns_names import give_name
from weave_http.host.host import Host, running_target
from weave_http.host.joining import Joining


def run(host: Host, words: list[str]) -> int:
    """Give a container addresses, and tell the router so that it gets them again when it restarts.

    If its hostname has a domain, its addresses get that name.

    Raises:
        UsageError: the words are no addresses followed by a container.
        WeaveError: it did not work, and nothing was changed.
    """
    wanted = joining.parse(words)
    join(host, wanted, host.container(wanted.container))
    if wanted.answering:
        host.say(joining.shown(wanted.addresses))
    return ExitCode.OK


def join(host: Host, wanted: Joining, container: Mapping[str, Any]) -> None:
    """Join a container that was looked up already.

    Args:
        host: where it is.
        wanted: how it joins.
        container: what inspect said.

    Raises:
        WeaveError: it did not work, and nothing was changed.
    """
    target = running_target(host, container, wanted.container)

    from weave_http.net import bridge, firewall, guest

    guest.check_joinable(target)
    bridge.ensure_bridge(mtu=host.wanted_mtu())
    firewall.ensure(host.docker_bridge)
    host.warn_of_overlaps(wanted.addresses)
    change = guest.plug(target, list(map(parse_cidr, wanted.addresses)), multicast=wanted.multicast)
    try:
        if wanted.rewrite_hosts or wanted.extra_hosts:
            from weave_http.host import hosts_file

            own = list(map(str, change.addresses)) if wanted.rewrite_hosts else ()
            hosts_file.write(host, container, own, wanted.extra_hosts)
        host.record(container, change.addresses)
    except BaseException:
        guest.unplug(target, change.changed)
        raise
    if wanted.dns:
        give_name(host, container, wanted.addresses)
