"""`expose` and `hide`: the Docker host itself on the network, and off it again."""

from __future__ import annotations

from weave_http.addresses import Wanted
from weave_http.errors import UsageError
from weave_http.hints import ClassVar
from weave_http.operations.operation import Argument, Operation, Option, addresses
from weave_http.records import dataclass


def _fqdn(text: str) -> str:
    if not text or text.startswith("-"):
        raise UsageError("option '-h' needs a value")
    return text


@dataclass(frozen=True, slots=True)
class Expose(Operation):
    """Put the Docker host itself on the network.

    Args:
        addresses: of the host.
        masquerade: whether packets between these subnets and elsewhere bear the host's address.
        fqdn: name of the addresses in the DNS, fully qualified; empty for none.
    """

    name: ClassVar[str] = "expose"
    more: ClassVar[str] = (
        "It prints the addresses. If a router runs, they last over restarts and reboots; else until a reboot."
    )
    example: ClassVar[str] = "expose 10.2.1.254/24 -h gate.weave.local"
    parts: ClassVar[tuple[Option | Argument, ...]] = (
        Option("masquerade", ("--without-masquerade",), "Let others see the containers' own addresses.", sets=False),
        addresses("Addresses of the host, as 10.2.1.254/24, net:10.32.1.0/24 or net:default."),
        Option("fqdn", ("-h",), "Name for the addresses in the DNS.", metavar="FQDN", read=_fqdn),
    )

    addresses: tuple[Wanted, ...]
    masquerade: bool = True
    fqdn: str = ""


@dataclass(frozen=True, slots=True)
class Hide(Operation):
    """Take addresses of the Docker host off the network.

    Args:
        addresses: of the host; absent ones are fine.
    """

    name: ClassVar[str] = "hide"
    more: ClassVar[str] = "It prints the addresses."
    example: ClassVar[str] = "hide 10.2.1.254/24"
    parts: ClassVar[tuple[Option | Argument, ...]] = (addresses("Addresses of the host."),)

    addresses: tuple[Wanted, ...]
