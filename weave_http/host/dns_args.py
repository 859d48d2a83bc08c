"""`dns-args`: the options of docker run by which a container uses the router's DNS server."""

from __future__ import annotations

from collections.abc import Sequence

from weave_http.host.host import Host
from weave_http.host.restarting import answered
from weave_http.host.router_api import NotOffered
from weave_http.operations import DnsArgs


def run(host: Host, op: DnsArgs) -> None:
    """Print `--dns=IP --dns-search=DOMAIN` without a line's end; nothing when no names are served.

    With a `--dns-search` among the other arguments ours is left out. With a hostname that has a domain it is `.`,
    none: the resolver searches the hostname's own domain then.

    Raises:
        HostError: there is no router.
    """
    host.write(" ".join(options(host, op.arguments)))


def options(host: Host, words: Sequence[str]) -> list[str]:
    """Return the options; none, and a warning, when no names are served.

    Args:
        host: whose router is asked.
        words: the other arguments of docker run.

    Raises:
        HostError: there is no router.
    """
    try:
        (address, port), domain = answered(host, lambda: (host.router.dns_address(), host.router.domain()))
    except NotOffered as error:
        host.warn(f"WARNING: {error}")
        return []
    if port != 53:
        host.warn(f"WARNING: names are served on port {port}, where containers don't ask")
        return []
    return [f"--dns={address}", *search_option(words, domain)]


def search_option(words: Sequence[str], domain: str) -> list[str]:
    """Return the option for the search domain, or nothing.

    Args:
        words: the other arguments of docker run.
        domain: of the names, with its last dot.
    """
    hostname = ""
    for word, after in zip(words, [*words[1:], ""], strict=False):
        option, equals, value = word.partition("=")
        if option == "--dns-search":
            return []
        if option in ("-h", "--hostname"):
            hostname = value if equals else after
    return ["--dns-search=."] if "." in hostname.strip(".") else [f"--dns-search={domain}"]
