"""Addresses that the router hands out: asked for, looked up, and given back if it was in vain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

from weave_http.addresses import Cidr, Subnet, Wanted
from weave_http.errors import HostError
from weave_http.host.host import Host
from weave_http.host.router_api import NotOffered, RouterError, RouterUnavailable


@contextmanager
def allocated(host: Host, owner: str, wanted: Sequence[Wanted]) -> Iterator[tuple[Cidr, ...]]:
    """Have the router hand out addresses (`POST /ip/ID`), and note those that were given (`PUT /ip/ID/CIDR`).

    If what is done with them fails, those that are new go back.

    Args:
        host: where.
        owner: full container id, or `weave:expose`.
        wanted: addresses, and subnets to find one in.

    Raises:
        HostError: one can't be had, and why.
    """
    new: list[Cidr] = []
    try:
        before = set(_of(host, owner))
        found = []
        for each in wanted:
            cidr = _one(host, owner, each)
            found.append(cidr)
            if cidr not in before:
                new.append(cidr)
        yield tuple(dict.fromkeys(found))
    except BaseException:
        for cidr in new:
            with suppress(RouterUnavailable, RouterError):
                host.router.release_address(owner, cidr.ip)
        raise


def known(host: Host, owner: str, wanted: Iterable[Wanted]) -> tuple[Cidr, ...]:
    """Return addresses, with those of the subnets that an owner was handed out (`GET /ip/ID`). Raises `HostError`."""
    found: list[Cidr] = []
    for each in wanted:
        found += host.router.addresses_of(owner, each) if isinstance(each, Subnet) else [each]
    return tuple(dict.fromkeys(found))


def _of(host: Host, owner: str) -> list[Cidr]:
    try:
        return host.router.addresses_of(owner)
    except (RouterUnavailable, NotOffered):
        return []


def _one(host: Host, owner: str, wanted: Wanted) -> Cidr:
    if isinstance(wanted, Subnet):
        try:
            return host.router.allocate(owner, wanted)
        except NotOffered as error:
            raise HostError(error.message, hint="give an address like 10.2.1.1/24") from error
    with suppress(RouterUnavailable, NotOffered):  # this host's network works without a router, too
        host.router.claim(owner, wanted)
    return wanted
