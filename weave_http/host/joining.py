"""What `attach` and its like are told, beside addresses and a container: the options of Weave 2.x."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from weave_http.addresses import FIXED, cidrs_and_container
from weave_http.errors import UsageError

_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})")
_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_ADDRESS = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")

SWITCHES = ("--without-dns", "--rewrite-hosts", "--no-multicast-route")
ADD_HOST = "--add-host"


@dataclass(frozen=True, slots=True)
class Joining:
    """What `attach` was told.

    Args:
        addresses: IPv4 in CIDR notation, in the order to be set.
        container: name or id.
        dns: whether its names are registered.
        rewrite_hosts: whether its hosts file gets these addresses for its own name.
        multicast: whether multicast is routed there.
        extra_hosts: names and IPv4 addresses for its hosts file.
        answering: whether the addresses are printed: 0.10 printed nothing, so they are for words that it did not know.
    """

    addresses: tuple[str, ...]
    container: str
    dns: bool = True
    rewrite_hosts: bool = False
    multicast: bool = True
    extra_hosts: tuple[tuple[str, str], ...] = ()
    answering: bool = False


def parse(words: Sequence[str]) -> Joining:
    """Read `[ip:]CIDR… [OPTION…] CONTAINER`; options may also come first.

    Raises:
        UsageError: the words are something else.
    """
    plain: list[str] = []
    switches: set[str] = set()
    extra: list[tuple[str, str]] = []
    rest = iter(words)
    for word in rest:
        option, equals, value = word.partition("=")
        if option == ADD_HOST:
            extra.append(parse_extra_host(value if equals else next(rest, "")))
        elif word in SWITCHES:
            switches.add(word)
        elif word.startswith("-"):
            raise UsageError(f"unknown option {word!r}")
        else:
            plain.append(word)
    addresses, container = cidrs_and_container(plain)
    return Joining(
        addresses=tuple(map(str, addresses)),
        container=container,
        dns="--without-dns" not in switches,
        rewrite_hosts="--rewrite-hosts" in switches,
        multicast="--no-multicast-route" not in switches,
        extra_hosts=tuple(extra),
        answering=bool(switches or extra) or is_modern(words),
    )


def is_modern(words: Sequence[str]) -> bool:
    """Tell whether an address is written as only Weave 1.0 and later write it."""
    return any(word.startswith(FIXED) for word in words)


def parse_extra_host(text: str) -> tuple[str, str]:
    """Return name and address of `NAME:IP`. Raises `UsageError`."""
    name, _, address = text.partition(":")
    if not _NAME.fullmatch(name) or not _ADDRESS.fullmatch(address):
        raise UsageError(f"invalid host {text!r}", hint=f"expected {ADD_HOST} NAME:IP")
    return name, address


def shown(addresses: Sequence[str]) -> str:
    """Return addresses as 2.x prints them: without prefix lengths, in one line."""
    return " ".join(cidr.partition("/")[0] for cidr in addresses)
