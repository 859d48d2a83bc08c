"""`run`: start a container of the user's own on the network.

It is the exception among the operations: the caller's side does it by calls of its own. The host's side has it as
well, for those who type `weave --local run` there.
"""

from __future__ import annotations

from weave_http.addresses import Wanted
from weave_http.errors import UsageError
from weave_http.hints import ClassVar
from weave_http.operations.operation import Argument, Operation, Option, addresses
from weave_http.records import dataclass

_MOST_SPREAD = 1000


def _spread(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 5 and 1 <= int(text) <= _MOST_SPREAD):
        raise UsageError(f"invalid --spread {text!r}", hint=f"expected a number of hosts, 1 to {_MOST_SPREAD}")
    return int(text)


@dataclass(frozen=True, slots=True)
class Run(Operation):
    """Start a container on the network, as docker run would.

    Args:
        addresses: of its interface, in the order to be set.
        arguments: of docker run: options, image, command.
        names: let the container ask Weave's name server, and have the name that it is given.
        wait: keep the program from running before the container is on the network.
        foreground: stay attached to the container until it ends.
        on: the Docker host to run it on, by its name among several; empty for the one that performs it.
        spread: on how many hosts to run one each; 0 for the one host.
        number: which of several it is, for its name: `web` is `web-2` then; 0 for the only one.
    """

    name: ClassVar[str] = "run"
    more: ClassVar[str] = (
        "It prints the id and leaves the container running, as docker run -d, unless --foreground is given."
    )
    example: ClassVar[str] = "run 10.2.1.1/24 --name web nginx"
    exit_codes: ClassVar[tuple[tuple[str, str], ...]] = (
        ("126", "The container's program can't be run."),
        ("127", "There is no such program in the image."),
        ("other", "With --foreground: the container's own."),
    )
    verbatim: ClassVar[bool] = True
    warm: ClassVar[bool] = False  # docker run's arguments may hold secrets
    parts: ClassVar[tuple[Option | Argument, ...]] = (
        Option("names", ("--with-dns",), "Let it find others by name, and be found: the default."),
        Option("names", ("--without-dns",), "Leave its resolver and its hostname as docker run would.", sets=False),
        Option(
            "wait",
            ("--no-wait",),
            "Start the program at once, without waiting for the network.",
            sets=False,
            caller=True,
        ),
        Option(
            "foreground",
            ("--foreground",),
            "Stay attached until the container ends, as docker run without -d.",
            caller=True,
        ),
        Option("on", ("--on",), "Run it on this Docker host.", metavar="HOST", caller=True),
        Option(
            "spread",
            ("--spread",),
            "Run one on each of so many Docker hosts, with names and addresses that count up.",
            metavar="NUMBER",
            read=_spread,
            caller=True,
        ),
        addresses("Addresses for the container's interface, as 10.2.1.1/24, net:10.32.1.0/24 or net:default."),
        Argument(
            "arguments",
            "[DOCKER RUN OPTIONS] IMAGE [COMMAND…]",
            "The same as after docker run.",
            lambda words: (tuple(words), []),
            list,
        ),
    )

    addresses: tuple[Wanted, ...]
    arguments: tuple[str, ...]
    names: bool = True
    wait: bool = True
    foreground: bool = False
    on: str = ""
    spread: int = 0
    number: int = 0
