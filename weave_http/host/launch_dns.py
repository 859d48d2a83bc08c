"""`launch-dns CIDR [OPTIONS]`, of Weave 0.10: names are served by the router, so this only makes sure that they are.

There, the server was a container of its own, with an address on the network. Here neither is needed.
"""

from __future__ import annotations

from weave_http.addresses import leading_cidrs
from weave_http.errors import ExitCode, HostError, UsageError
from weave_http.host import router_container
from weave_http.host.host import Host

VALUES = ("domain", "iface", "api", "wait", "dnsport", "httpport", "timeout", "udpbuf", "cache")
SWITCHES = ("watch", "debug")
"""The options of the server of then. All are taken; only the domain's has a say."""


def run(host: Host, words: list[str]) -> int:
    """Print the id of the router's container, which serves names.

    Raises:
        UsageError: no CIDR, or an option that there was none of.
        HostError: there is no router, or it serves no names, or others than asked for.
    """
    _, rest = leading_cidrs(words)
    wanted = _domain(rest)
    host.router.dns_address()
    domain = host.router.domain()
    if wanted and wanted.rstrip(".").lower() != domain.rstrip("."):
        hint = f"launch the router with --dns-domain {wanted}"
        raise HostError(f"the router serves names in {domain}, not in {wanted}", hint=hint)
    found = router_container.find(host)
    if found is None or not found.ours:
        raise HostError(f"no container {host.router_container} is a router of ours")
    host.warn(f"names are served by the router, in {domain}; the address {words[0]} is not needed and stays free")
    host.say(found.id)
    return ExitCode.OK


def _domain(words: list[str]) -> str:
    """Return the domain that is wished for, or nothing. Raises `UsageError`."""
    domain = ""
    rest = list(words)
    while rest:
        word = rest.pop(0)
        option, equals, value = word.lstrip("-").partition("=")
        if not word.startswith("-") or option not in (*VALUES, *SWITCHES):
            raise UsageError(f"unexpected argument {word!r}")
        if option in SWITCHES:
            continue
        if not equals:
            if not rest:
                raise UsageError(f"option {word!r} needs a value")
            value = rest.pop(0)
        if option == "domain":
            domain = value
    return domain
