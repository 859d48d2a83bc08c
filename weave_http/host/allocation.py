"""Addresses that the router hands out: asked for, looked up, and given back if it was in vain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

from weave_http.addresses import Cidr, Subnet, Wanted
from weave_http.errors import HostError
from weave_http.host.host import Host
from weave_http.host.restarting import answered
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
    _check_kernel(wanted)
    try:
        before = set(_of(host, owner))
        found = []
        for each in wanted:
            got = _of_one(host, owner, each)
            found += got
            new += [cidr for cidr in got if cidr not in before]
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


def _check_kernel(wanted: Iterable[Wanted]) -> None:
    """Raise `HostError` if an address of IPv6 is asked for and the kernel has none."""
    from weave_http.net import sysctl

    networks = [each.network if isinstance(each, Subnet) else each for each in wanted]
    if any(each is not None and each.version == 6 for each in networks):
        sysctl.check_ipv6()


def _of(host: Host, owner: str) -> list[Cidr]:
    try:
        return answered(host, lambda: host.router.addresses_of(owner))
    except (RouterUnavailable, NotOffered):
        return []


def _of_one(host: Host, owner: str, wanted: Wanted) -> list[Cidr]:
    if isinstance(wanted, Subnet):
        try:
            return host.router.allocate(owner, wanted)
        except NotOffered as error:
            raise HostError(error.message, hint="give an address like 10.2.1.1/24") from error
    with suppress(RouterUnavailable, NotOffered):  # this host's network works without a router, too
        host.router.claim(owner, wanted)
    return [wanted]
