"""What must survive the router: its name, its targets, addresses and names of containers, what is exposed. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from weave_http.addresses import IP, Cidr, Network, parse_cidr
from weave_http.errors import UsageError
from weave_http.records import dataclass, field
from weave_http.router.addresses.gate import Passed
from weave_http.router.addresses.standing import Memory
from weave_http.router.names.register import Name

_ID_LENGTH = 64
_HEXADECIMAL = frozenset("0123456789abcdef")
MOST_ADDRESSES = 256
"""Addresses of one container, or of the host, that are kept."""
LONGEST_NAME = 253
"""Characters of a name in the DNS."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """What goes with an address of the host on the network.

    Args:
        masquerade: whether packets between its subnet and elsewhere bear the host's address.
        names: what it is called in the DNS.
    """

    masquerade: bool = True
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kept:
    """What is kept about addresses that are handed out.

    Args:
        name: of the peer whose it is.
        ranges: out of what they are handed out.
        memory: of the agreements.
        held: the addresses by owner.
        passed: of the gate.
    """

    name: str
    ranges: tuple[Network, ...]
    memory: Memory
    held: Mapping[str, tuple[Cidr, ...]]
    passed: Passed = field(default_factory=Passed)


@dataclass(frozen=True, slots=True)
class State:
    """What is kept.

    Args:
        name: peer name, empty before there is one.
        uid: the last one used, in µs since 1970.
        launch: id of the container in which the router was launched last, empty outside one.
        targets: `HOST[:PORT]` of peers to dial.
        attachments: addresses by container id.
        exposed: addresses of the host on the network.
        names: that this host gives.
        kept: about addresses that are handed out, None before there was anything.
        places: names of the peers that frames went to, by where they went.
    """

    name: str = ""
    uid: int = 0
    launch: str = ""
    targets: tuple[str, ...] = ()
    attachments: Mapping[str, tuple[Cidr, ...]] = field(default_factory=dict)
    exposed: Mapping[Cidr, Exposure] = field(default_factory=dict)
    names: frozenset[Name] = frozenset()
    kept: Kept | None = None
    places: Mapping[IP, str] = field(default_factory=dict)


def is_container_id(text: str) -> bool:
    """Return whether a text is a full container id."""
    return len(text) == _ID_LENGTH and set(text) <= _HEXADECIMAL


def parse_addresses(value: object) -> tuple[Cidr, ...]:
    """Return the addresses in a list, each once.

    Args:
        value: texts in CIDR notation.

    Raises:
        ValueError: it is no list, or one of them is no such address.
    """
    if not isinstance(value, list) or not 0 < len(value) <= MOST_ADDRESSES:
        raise ValueError(f"expected a list of 1 to {MOST_ADDRESSES} addresses")
    try:
        return tuple(dict.fromkeys(parse_cidr(text if isinstance(text, str) else "") for text in value))
    except UsageError as error:
        raise ValueError(str(error)) from error


def targets_of(state: State, launch: str, given: tuple[str, ...]) -> tuple[str, ...]:
    """Return whom to dial: what a launch says, and after a mere restart what had become of that.

    Args:
        state: what was kept.
        launch: id of our container, empty outside one.
        given: the targets of our command line.
    """
    return state.targets if launch and launch == state.launch else given
