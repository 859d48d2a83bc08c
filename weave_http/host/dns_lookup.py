"""`dns-lookup NAME`: what containers are told when they ask for a name."""

from __future__ import annotations

from weave_http.errors import ExitCode, UsageError
from weave_http.host.host import Host, no_arguments


def run(host: Host, words: list[str]) -> int:
    """Ask the router's DNS server for a name's addresses, and print a line each; none for a name that there isn't.

    Raises:
        UsageError: not one name.
        HostError: there is no server, or it does not answer.
    """
    if not words:
        raise UsageError("no name given")
    no_arguments(words[1:])

    from weave_http.host.dns_query import addresses

    for address in addresses(words[0], *host.router.dns_address()):
        host.say(address)
    return ExitCode.OK
