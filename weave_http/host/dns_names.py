"""Names of containers: what they are, and how the router is told; for several commands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from weave_http.addresses import looks_like_cidr, parse_cidr
from weave_http.errors import HostError, UsageError
from weave_http.host.host import Host, running_target
from weave_http.host.router_client import NotOffered

EXTERN = "weave:extern"
"""Owns the names of addresses that belong to no container."""
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,254}")


def full_name(container: Mapping[str, Any]) -> str:
    """Return a container's hostname if it has a domain, empty if not.

    Args:
        container: what inspect said; engines put `--hostname c1.weave.local` into one field or into two.
    """
    config = container["Config"]
    parts = [config.get("Hostname") or "", config.get("Domainname") or ""]
    name = ".".join(part for part in parts if part)
    return name if "." in name.strip(".") else ""


def give_name(host: Host, container: Mapping[str, Any], cidrs: Iterable[str]) -> None:
    """Give a container's addresses its hostname, if that has a domain. Without names everything else works."""
    name = full_name(container)
    for cidr in cidrs if name else ():
        with suppress(HostError):
            host.router.put_name(container["Id"], cidr.partition("/")[0], name)


def take_names(host: Host, container: Mapping[str, Any], cidrs: Iterable[str]) -> None:
    """Take all names from addresses that a container doesn't have any more."""
    for cidr in cidrs:
        with suppress(HostError):
            host.router.delete_name(container["Id"], cidr.partition("/")[0])


def warn_without_names(host: Host) -> None:
    """Say why the router answers no queries, if it doesn't."""
    try:
        host.router.dns_address()
    except NotOffered as error:
        host.warn(f"WARNING: {error}")
    except HostError:
        pass  # it may just be ending; then that is the news, not this


@dataclass(frozen=True, slots=True)
class Words:
    """What `dns-add` and `dns-remove` were told.

    Args:
        addresses: without prefix length.
        container: name or id, empty without one.
        name: after `-h`, empty without one.
    """

    addresses: tuple[str, ...]
    container: str
    name: str


def parse(words: Sequence[str]) -> Words:
    """Read `[IP…] CONTAINER [-h NAME]` or `IP… -h NAME`.

    Raises:
        UsageError: it is neither.
    """
    rest = list(words)
    addresses = []
    while rest and looks_like_cidr(f"{rest[0]}/32"):
        addresses.append(str(parse_cidr(f"{rest.pop(0)}/32").ip))
    container = rest.pop(0) if rest and not rest[0].startswith("-") else ""
    name = ""
    if rest and rest[0] in ("-h", "--hostname"):
        if len(rest) < 2 or not _NAME.fullmatch(rest[1]):
            raise UsageError(f"option {rest[0]!r} needs a name")
        name = rest[1]
        del rest[:2]
    if rest:
        raise UsageError(f"unexpected argument {rest[0]!r}")
    if not container and not (addresses and name):
        raise UsageError("no container given")
    return Words(tuple(addresses), container, name)


def addresses_of(host: Host, container: Mapping[str, Any], name: str) -> list[str]:
    """Return a container's addresses on the network, without prefix length.

    Args:
        host: where it is.
        container: what inspect said.
        name: what the user called it.

    Raises:
        HostError: it doesn't run, or has none.
    """
    from weave_http.net import guest

    state = guest.describe(running_target(host, container, name))
    if state is None or not state[1]:
        raise HostError(f"container {name} has no address on the network", hint="attach it first")
    return [str(cidr.ip) for cidr in state[1]]
