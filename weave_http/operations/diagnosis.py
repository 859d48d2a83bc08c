"""`doctor` and `ping`: what is wrong on a host, and which way frames take."""

from __future__ import annotations

from weave_http.hints import ClassVar
from weave_http.operations.flag_values import number
from weave_http.operations.operation import Argument, Operation, Option, one
from weave_http.operations.reading import FORMAT
from weave_http.records import dataclass


@dataclass(frozen=True, slots=True)
class Doctor(Operation):
    """Look for what is wrong on the Docker host; nothing is changed.

    Args:
        json: print an array of objects with `Check`, `Level`, `Text` and `Hint`.
    """

    name: ClassVar[str] = "doctor"
    more: ClassVar[str] = "Exit code 0: all is well; 1: something deserves a look; 2: something does not work."
    example: ClassVar[str] = "doctor"
    parts: ClassVar[tuple[Option | Argument, ...]] = (FORMAT,)

    json: bool = False


@dataclass(frozen=True, slots=True)
class Rtt(Operation):
    """Show the round trips between all hosts, as each of them measures those to its neighbours.

    Args:
        json: print an array of objects with `Peer`, `NickName`, `Other`, `OtherNickName`, `RTT` in seconds and `Good`.
    """

    name: ClassVar[str] = "rtt"
    more: ClassVar[str] = (
        "From the hosts of the lines to those of the columns, in ms: of probes over UDP, the shortest of eight, "
        "roughly. `-`: no connection, or not measured yet; `bad`: no answers."
    )
    example: ClassVar[str] = "rtt"
    parts: ClassVar[tuple[Option | Argument, ...]] = (FORMAT,)

    json: bool = False


@dataclass(frozen=True, slots=True)
class Ping(Operation):
    """Ask for answers over the network.

    Args:
        target: a peer's name or nickname, a container of the host, a name in the DNS, or an address.
        count: how many times to ask, a second apart.
        size: bytes of each question as the network carries it.
    """

    name: ClassVar[str] = "ping"
    more: ClassVar[str] = (
        "It asks by ARP, from the bridge, so the host need not be exposed. Exit code 1: nobody answered."
    )
    example: ClassVar[str] = "ping -c 3 db"
    parts: ClassVar[tuple[Option | Argument, ...]] = (
        Option(
            "count",
            ("-c", "--count"),
            "How many times to ask, a second apart.",
            metavar="NUMBER",
            read=number("count", 1, 100_000),
        ),
        Option(
            "size",
            ("-s", "--size"),
            "Bytes of each question, up to the network's MTU.",
            metavar="BYTES",
            read=number("size", 28, 65_535, " bytes"),
        ),
        one(
            "target",
            "PEER|CONTAINER|NAME",
            "Name or nickname of a peer, a container of this host, a name, or an address.",
            missing="nobody given to ask",
            candidates="running",
        ),
    )

    target: str
    count: int = 3
    size: int = 28
