"""`detach`: take addresses from a container, and its interface with the last one."""

from __future__ import annotations

from functools import partial

from weave_http.addresses import ips
from weave_http.host.allocation import known
from weave_http.host.dns_names import take_names
from weave_http.host.host import Host, running_target
from weave_http.operations import Detach


def run(host: Host, op: Detach) -> None:
    """Take addresses from a container, print them, and tell the router so that it won't get them again.

    Where none runs, the next one is told by a note.

    Raises:
        WeaveError: it did not work, and nothing was changed.
    """
    container = host.container(op.container)
    target = running_target(host, container, op.container)

    from weave_http.net import guest

    addresses = known(host, container["Id"], op.addresses)
    noted = partial(host.noted, container["Id"])
    change = guest.unplug(target, addresses, noted=noted)
    try:
        if not host.record(container, change.addresses):
            from weave_http.host import withdrawals

            withdrawals.note(host, container["Id"], addresses)
    except BaseException:
        guest.plug(target, change.changed, noted=noted)
        raise
    take_names(host, container, ips(addresses))
    host.say_addresses(change.changed)
