"""`hide CIDR…`: take the host off the network again."""

from __future__ import annotations

from contextlib import suppress

from weave_http.addresses import leading_cidrs
from weave_http.errors import ExitCode, UsageError
from weave_http.host.expose import ID, plain
from weave_http.host.host import Host


def run(host: Host, words: list[str]) -> int:
    """Take addresses from the bridge, with their rules and names, and print them; absent ones are no matter.

    Where there is a router, it does so (`DELETE /expose`), and forgets.

    Raises:
        UsageError: the words are no CIDRs.
        WeaveError: it did not work.
    """
    cidrs, others = leading_cidrs(words)
    addresses = list(map(str, cidrs))
    if others:
        raise UsageError(f"unexpected argument {others[0]!r}")

    from weave_http.host.router_client import RouterError, RouterUnavailable

    try:
        host.router.hide(addresses)
    except RouterUnavailable:
        from weave_http.net import expose

        expose.hide(cidrs, host.docker_bridge)
    for ip in plain(addresses):
        with suppress(RouterUnavailable, RouterError):
            host.router.delete_name(ID, ip)
    host.say(" ".join(plain(addresses)))
    return ExitCode.OK
