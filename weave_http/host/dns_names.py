"""Names of containers: what they are, and how the router is told; for several operations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

from weave_http.addresses import IP, ips
from weave_http.errors import HostError
from weave_http.hints import Any
from weave_http.host.host import Host, running_target
from weave_http.host.router_api import NotOffered

EXTERN = "weave:extern"
"""Owns the names of addresses that belong to no container."""


def full_name(container: Mapping[str, Any]) -> str:
    """Return a container's hostname if it has a domain, empty if not.

    Args:
        container: what inspect said; engines put `--hostname c1.weave.local` into one field or into two.
    """
    config = container["Config"]
    parts = [config.get("Hostname") or "", config.get("Domainname") or ""]
    name = ".".join(part for part in parts if part)
    return name if "." in name.strip(".") else ""


def give_name(host: Host, container: Mapping[str, Any], addresses: Iterable[IP]) -> None:
    """Give a container's addresses its hostname, if that has a domain. Without names everything else works."""
    name = full_name(container)
    for address in addresses if name else ():
        with suppress(HostError):
            host.router.put_name(container["Id"], address, name)


def take_names(host: Host, container: Mapping[str, Any], addresses: Iterable[IP]) -> None:
    """Take all names from addresses that a container doesn't have any more."""
    for address in addresses:
        with suppress(HostError):
            host.router.delete_name(container["Id"], address)


def warn_without_names(host: Host) -> None:
    """Say why the router answers no queries, if it doesn't."""
    try:
        host.router.dns_address()
    except NotOffered as error:
        host.warn(f"WARNING: {error}")
    except HostError:
        pass  # it may just be ending; then that is the news, not this


def addresses_of(host: Host, container: Mapping[str, Any], name: str) -> list[IP]:
    """Return a container's addresses on the network.

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
    return ips(state[1])
