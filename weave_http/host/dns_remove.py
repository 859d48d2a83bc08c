"""`dns-remove [IP…] CONTAINER [-h NAME]`, or `dns-remove IP… -h NAME`: take names away."""

from __future__ import annotations

from weave_http.errors import ExitCode
from weave_http.host.dns_names import EXTERN, parse
from weave_http.host.host import Host


def run(host: Host, words: list[str]) -> int:
    """Take names from addresses; what is not said stands for all there are. Idempotent.

    Raises:
        UsageError: the words are no addresses, container and name.
        HostError: there is no such container, or no router that serves names.
    """
    what = parse(words)
    owner = host.container(what.container)["Id"] if what.container else EXTERN
    for address in what.addresses or ("",):
        host.router.delete_name(owner, address, what.name)
    return ExitCode.OK
