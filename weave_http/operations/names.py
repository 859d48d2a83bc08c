"""`dns-add`, `dns-remove`, `dns-lookup`, `dns-args` and `launch-dns`: names of containers and addresses."""

from __future__ import annotations

import re

from weave_http.addresses import IP, leading_addresses, looks_like_cidr, parse_cidr
from weave_http.errors import UsageError
from weave_http.hints import ClassVar
from weave_http.operations.hostnames import parse_hostname
from weave_http.operations.operation import Argument, Operation, Option, many, one
from weave_http.records import dataclass

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,254}")


def _hostname(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise UsageError(f"invalid name {text!r}", hint="expected letters, digits and hyphens, with dots between")
    return text


def _leading_ips(words: list[str]) -> tuple[tuple[IP, ...], list[str]]:
    """Return the addresses that words begin with, and the other words. Raises `UsageError`."""
    count = next((index for index, word in enumerate(words) if not looks_like_cidr(f"{word}/32")), len(words))
    return tuple(parse_cidr(f"{word}/32").ip for word in words[:count]), words[count:]


def _perhaps(words: list[str]) -> tuple[str, list[str]]:
    return (words[0], words[1:]) if words else ("", [])


_PARTS: tuple[Option | Argument, ...] = (
    Argument(
        "addresses",
        "[IP…]",
        "Addresses; without any, all of the container's.",
        _leading_ips,
        lambda value: [str(address) for address in value],
    ),
    Argument(
        "container",
        "[CONTAINER]",
        "The container that has them.",
        _perhaps,
        lambda value: [value] if value else [],
        "running",
    ),
    Option(
        "fqdn", ("-h", "--hostname"), "The name; without it, the container's hostname.", metavar="NAME", read=_hostname
    ),
)


@dataclass(frozen=True, slots=True)
class DnsAdd(Operation):
    """Give a container's addresses, or others, a name.

    Args:
        addresses: none for all of the container's.
        container: name or id; empty for addresses of nobody.
        fqdn: the name; empty for the container's hostname.
    """

    name: ClassVar[str] = "dns-add"
    example: ClassVar[str] = "dns-add web -h www.weave.local"
    parts: ClassVar[tuple[Option | Argument, ...]] = _PARTS

    addresses: tuple[IP, ...] = ()
    container: str = ""
    fqdn: str = ""

    def __post_init__(self) -> None:
        if not self.container and not (self.addresses and self.fqdn):
            raise UsageError("no container given", hint="expected CONTAINER, or IP… -h NAME")


@dataclass(frozen=True, slots=True)
class DnsRemove(DnsAdd):
    """Remove names; an argument that is left out matches everything. Arguments as for `DnsAdd`."""

    name: ClassVar[str] = "dns-remove"
    example: ClassVar[str] = "dns-remove web -h www.weave.local"


@dataclass(frozen=True, slots=True)
class DnsLookup(Operation):
    """Print the addresses that containers are told for a name.

    Args:
        fqdn: the name, fully qualified or a single label.
    """

    name: ClassVar[str] = "dns-lookup"
    example: ClassVar[str] = "dns-lookup web"
    parts: ClassVar[tuple[Option | Argument, ...]] = (
        one("fqdn", "NAME", "Fully qualified, or a single label.", missing="no name given", read=parse_hostname),
    )

    fqdn: str


@dataclass(frozen=True, slots=True)
class DnsArgs(Operation):
    """Print docker run's options for the use of Weave's names.

    Args:
        arguments: the other arguments of docker run.
    """

    name: ClassVar[str] = "dns-args"
    example: ClassVar[str] = "dns-args --name web"
    warm: ClassVar[bool] = False  # docker run's arguments may hold secrets
    parts: ClassVar[tuple[Option | Argument, ...]] = (
        many("arguments", "[DOCKER RUN OPTIONS]", "The other arguments of docker run."),
    )

    arguments: tuple[str, ...] = ()

    @property
    def goes_warm(self) -> bool:
        """Whether the resident executor may do this one: without arguments there is no secret in it."""
        return not self.arguments

    @classmethod
    def parse(cls, words: list[str] | tuple[str, ...]) -> DnsArgs:  # type: ignore[override]
        """Return the operation; every word is docker run's."""
        return cls(tuple(words))


VALUES = ("domain", "iface", "api", "wait", "dnsport", "httpport", "timeout", "udpbuf", "cache")
SWITCHES = ("watch", "debug")
"""The options of the DNS server of Weave 0.10. All are accepted; only `domain` has an effect."""


@dataclass(frozen=True, slots=True)
class LaunchDns(Operation):
    """Make sure that the router serves names; Weave 0.10 had a container of its own for them.

    Args:
        arguments: an address, which is not needed, and options of that server.
    """

    name: ClassVar[str] = "launch-dns"
    more: ClassVar[str] = "Weave 0.10 had a container of its own for names."
    parts: ClassVar[tuple[Option | Argument, ...]] = (many("arguments", "CIDR [OPTIONS]", "As in Weave 0.10."),)

    arguments: tuple[str, ...]

    @classmethod
    def parse(cls, words: list[str] | tuple[str, ...]) -> LaunchDns:  # type: ignore[override]
        """Return the operation. Raises `UsageError`: no CIDR, or an option that there was none of."""
        operation = cls(tuple(words))
        _ = operation.domain
        return operation

    @property
    def domain(self) -> str:
        """The domain that is wished for; empty for any. Raises `UsageError`."""
        found, rest = leading_addresses(self.arguments)
        if len(found) + len(rest) > len(self.arguments):
            raise UsageError("no address given", hint="expected an address like 10.2.1.1/24 first")
        domain = ""
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
