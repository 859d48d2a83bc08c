"""Addresses of interfaces that are not ours, such as the engine's own bridge."""

from __future__ import annotations

from collections.abc import Iterable

from weave_http.addresses import IP
from weave_http.net import links
from weave_http.net.netlink import Netlink


def first_address(name: str) -> IP | None:
    """Return the first IPv4 address of an interface, or nothing if there is none.

    Args:
        name: of the interface, in the network namespace of the caller.

    Raises:
        HostError: the kernel refused.
    """
    with Netlink() as kernel:
        link = links.get_link(kernel, name)
        found = links.list_addresses(kernel, link) if link else []
        return found[0].ip if found else None


def links_named(names: Iterable[str]) -> list[str]:
    """Return which of these names an interface has. Raises `HostError`."""
    with Netlink() as kernel:
        return [name for name in names if links.get_link(kernel, name) is not None]
