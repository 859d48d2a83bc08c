"""`attach`, `detach`, `start` and `restart`: a container joins the network, or leaves it."""

from __future__ import annotations

import re

from weave_http.addresses import IP, Wanted, parse_ip
from weave_http.errors import UsageError
from weave_http.hints import ClassVar
from weave_http.operations.operation import Argument, Operation, Option, addresses, one
from weave_http.records import dataclass

_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})")
_ADDRESSES = addresses(
    "Addresses for the container's interface, set in this order: 10.2.1.1/24, fd00:2::1/64, net:10.32.1.0/24 or "
    "net:default."
)
_NO_CONTAINER = "no container given"


class ExtraHost(tuple[str, IP]):
    """A line for a hosts file: a name, and its address."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> ExtraHost:
        """Return what `NAME:IP` says. Raises `UsageError`."""
        name, _, address = text.partition(":")
        hint = "expected --add-host NAME:IP"
        if not _NAME.fullmatch(name):
            raise UsageError(f"invalid host {text!r}", hint=hint)
        try:
            return cls((name, parse_ip(address)))
        except UsageError as error:
            raise UsageError(f"invalid host {text!r}", hint=hint) from error

    def __str__(self) -> str:
        return f"{self[0]}:{self[1]}"


def _container(candidates: str) -> Argument:
    return one("container", "CONTAINER", "The container's name or id.", missing=_NO_CONTAINER, candidates=candidates)


_OPTIONS = (
    Option("dns", ("--without-dns",), "Do not register the container's hostname as a name.", sets=False),
    Option(
        "rewrite_hosts", ("--rewrite-hosts",), "In its /etc/hosts, let the container's hostname have these addresses."
    ),
    Option("multicast", ("--no-multicast-route",), "Do not route multicast to the network.", sets=False),
    Option(
        "extra_hosts",
        ("--add-host",),
        "Add a line to the container's /etc/hosts.",
        metavar="NAME:IP",
        read=ExtraHost.parse,
        many=True,
    ),
)


@dataclass(frozen=True, slots=True)
class Attach(Operation):
    """Join a running container to the network.

    Args:
        addresses: of its interface, in the order to be set.
        container: name or id.
        dns: whether its name is registered.
        rewrite_hosts: whether its own name, in its hosts file, means these addresses.
        multicast: whether multicast is routed to the network.
        extra_hosts: lines for its hosts file.
    """

    name: ClassVar[str] = "attach"
    more: ClassVar[str] = "It prints the addresses. Doing it twice has the same effect as once."
    example: ClassVar[str] = "attach 10.2.1.1/24 web"
    parts: ClassVar[tuple[Option | Argument, ...]] = (_ADDRESSES, *_OPTIONS, _container("running"))

    addresses: tuple[Wanted, ...]
    container: str
    dns: bool = True
    rewrite_hosts: bool = False
    multicast: bool = True
    extra_hosts: tuple[ExtraHost, ...] = ()


@dataclass(frozen=True, slots=True)
class Start(Attach):
    """Start a container that was stopped, and join it to the network; arguments as for `Attach`."""

    name: ClassVar[str] = "start"
    more: ClassVar[str] = "It prints the container's name as given. A container that can't be joined is stopped again."
    example: ClassVar[str] = "start 10.2.1.1/24 web"
    parts: ClassVar[tuple[Option | Argument, ...]] = (_ADDRESSES, *_OPTIONS, _container("containers"))


@dataclass(frozen=True, slots=True)
class Restart(Attach):
    """Restart a container, and join it to the network; arguments as for `Attach`."""

    name: ClassVar[str] = "restart"
    more: ClassVar[str] = "It prints the container's name as given."
    example: ClassVar[str] = "restart 10.2.1.1/24 web"
    parts: ClassVar[tuple[Option | Argument, ...]] = (_ADDRESSES, *_OPTIONS, _container("containers"))


@dataclass(frozen=True, slots=True)
class Detach(Operation):
    """Take addresses away from a container, and its interface with the last one.

    Args:
        addresses: that it loses; those that it does not have are skipped.
        container: name or id.
    """

    name: ClassVar[str] = "detach"
    more: ClassVar[str] = "It prints the addresses that were removed. With the last one the interface is removed."
    example: ClassVar[str] = "detach 10.2.1.1/24 web"
    parts: ClassVar[tuple[Option | Argument, ...]] = (
        addresses("Addresses to take away, as 10.2.1.1/24, fd00:2::1/64, net:10.32.1.0/24 or net:default."),
        _container("running"),
    )

    addresses: tuple[Wanted, ...]
    container: str
