"""`detach [ip:]CIDR… CONTAINER`: take addresses from a container, and its interface with the last one."""

from __future__ import annotations

from weave_http.addresses import cidrs_and_container
from weave_http.errors import ExitCode
from weave_http.host import joining
from weave_http.host.dns_names import take_names
from weave_http.host.host import Host, running_target


def run(host: Host, words: list[str]) -> int:
    """Take addresses from a container, and tell the router so that it won't get them again.

    Raises:
        UsageError: the words are no CIDRs followed by a container.
        WeaveError: it did not work, and nothing was changed.
    """
    cidrs, name = cidrs_and_container(words)
    addresses = list(map(str, cidrs))
    container = host.container(name)
    target = running_target(host, container, name)

    from weave_http.net import guest

    change = guest.unplug(target, cidrs)
    try:
        host.record(container, change.addresses)
    except BaseException:
        guest.plug(target, change.changed)
        raise
    take_names(host, container, addresses)
    if joining.is_modern(words):
        host.say(joining.shown(list(map(str, change.changed))))
    return ExitCode.OK
