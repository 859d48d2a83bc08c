"""`expose [--without-masquerade] CIDR… [-h FQDN]`: put the host itself on the network."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from weave_http.addresses import leading_cidrs, parse_cidr
from weave_http.errors import ExitCode, UsageError
from weave_http.host.host import Host

ID = "weave:expose"
"""Stands for the host where others have a container's id."""
_WITHOUT_MASQUERADE, _NAME = "--without-masquerade", "-h"


@dataclass(frozen=True, slots=True)
class Exposing:
    """What `expose` was told.

    Args:
        addresses: IPv4, in CIDR notation.
        masquerade: whether packets between these subnets and elsewhere bear the host's address.
        name: fully qualified, for the DNS; empty for none.
    """

    addresses: tuple[str, ...]
    masquerade: bool
    name: str


def parse(words: list[str]) -> Exposing:
    """Read the arguments: options may stand before and behind the addresses, as in either Weave.

    Raises:
        UsageError: they make no sense.
    """
    masquerade, name, plain = True, "", []
    rest = iter(words)
    for word in rest:
        if word == _WITHOUT_MASQUERADE:
            masquerade = False
        elif word == _NAME:
            name = next(rest, "")
            if not name or name.startswith("-"):
                raise UsageError(f"option {_NAME!r} needs a value")
        elif word.startswith("-"):
            raise UsageError(f"unknown option {word!r}")
        else:
            plain.append(word)
    addresses, others = leading_cidrs(plain)
    if others:
        raise UsageError(f"unexpected argument {others[0]!r}")
    return Exposing(tuple(dict.fromkeys(map(str, addresses))), masquerade, name)


def run(host: Host, words: list[str]) -> int:
    """Give the bridge addresses, and print these.

    The router does it where there is one (`POST /expose`), and remembers; else it lasts until the host
    reboots or somebody flushes the rules.

    Raises:
        UsageError: the words are no CIDRs.
        WeaveError: it did not work.
    """
    wanted = parse(words)
    host.warn_of_overlaps(wanted.addresses)

    from weave_http.host.router_client import RouterError, RouterUnavailable

    try:
        host.router.expose(wanted.addresses, masquerade=wanted.masquerade, name=wanted.name)
    except RouterUnavailable:
        from weave_http.net import bridge, expose

        bridge.ensure_bridge(mtu=host.wanted_mtu())
        cidrs = map(parse_cidr, wanted.addresses)
        expose.expose(lambda: dict.fromkeys(cidrs, wanted.masquerade), host.docker_bridge)
    if wanted.name:
        for ip in plain(wanted.addresses):
            with suppress(RouterUnavailable, RouterError):  # names are an extra, as ever
                host.router.put_name(ID, ip, wanted.name)
    host.say(" ".join(plain(wanted.addresses)))
    return ExitCode.OK


def plain(addresses: tuple[str, ...] | list[str]) -> list[str]:
    """Return addresses without their prefix lengths."""
    return [cidr.partition("/")[0] for cidr in addresses]
