"""`ps`, `status` and `report`: show the containers on the network, and the router's state."""

from __future__ import annotations

from weave_http.addresses import PeerAddress, parse_peer_address
from weave_http.errors import UsageError
from weave_http.hints import ClassVar
from weave_http.operations.operation import Argument, Operation, Option, many
from weave_http.records import dataclass

WAIT_SECONDS = 30
"""How long `status --wait` waits at most when it does not say."""
_LONGEST_WAIT = 3600

SECTIONS = {
    "targets": ("Router", "Targets"),
    "connections": ("Router", "Connections"),
    "peers": ("Router", "Peers"),
    "dns": ("DNS", "Entries"),
    "ipam": ("IPAM", "Entries"),
    "networks": ("Networks",),
}
"""The sections of `status`, and where each is found in the report."""


def _format(text: str) -> bool:
    if text.lower() not in ("text", "json"):
        raise UsageError(f"unknown format {text!r}", hint="expected text or json")
    return text.lower() == "json"


FORMAT = Option(
    "json",
    ("--format",),
    "How to print it: text or json.",
    metavar="text|json",
    read=_format,
    write=lambda value: "json" if value else "text",
)


@dataclass(frozen=True, slots=True)
class Ps(Operation):
    """List the containers on the network: id, MAC, addresses.

    Args:
        containers: names or ids; none for all.
        json: print an array of objects with `ID`, `MAC` and `Addresses`.
    """

    name: ClassVar[str] = "ps"
    more: ClassVar[str] = "The line weave:expose is the host's own bridge, with its exposed addresses."
    example: ClassVar[str] = "ps web"
    parts: ClassVar[tuple[Option | Argument, ...]] = (
        FORMAT,
        many("containers", "[CONTAINER…]", "Only these containers; without any, all.", candidates="running"),
    )

    containers: tuple[str, ...] = ()
    json: bool = False


def _section(words: list[str]) -> tuple[str, list[str]]:
    if words and words[0] not in SECTIONS:
        raise UsageError(f"unknown section {words[0]!r}", hint=f"expected one of {', '.join(SECTIONS)}")
    return (words[0], words[1:]) if words else ("", [])


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= _LONGEST_WAIT):
        raise UsageError(f"invalid --wait {text!r}", hint=f"expected 1 to {_LONGEST_WAIT} seconds, as --wait=60")
    return int(text)


@dataclass(frozen=True, slots=True)
class Status(Operation):
    """Show the router's state.

    Args:
        section: one of `SECTIONS`; empty for a summary.
        json: print the report, or that part of it.
        wait: seconds to wait at most until the targets are connected and data passes; 0 for not at all.
        peers: targets to wait for; none for all.
    """

    name: ClassVar[str] = "status"
    more: ClassVar[str] = (
        "With --wait it first waits until there is a connection to every target that was given to launch or connect, "
        "and data reaches every peer. If there is none in time, the exit code is 1, and a line says what is wrong."
    )
    example: ClassVar[str] = "status connections"
    parts: ClassVar[tuple[Option | Argument, ...]] = (
        FORMAT,
        Option(
            "wait",
            ("--wait",),
            f"Wait until all targets are connected; {WAIT_SECONDS} s at most if it does not say.",
            metavar="SECONDS",
            read=_seconds,
            bare=str(WAIT_SECONDS),
        ),
        Option(
            "peers",
            ("--peer",),
            "Wait for this target only; may be given again.",
            metavar="HOST[:PORT]",
            read=parse_peer_address,
            many=True,
        ),
        Argument(
            "section",
            f"[{'|'.join(SECTIONS)}]",
            "One section; without it, a summary.",
            _section,
            lambda value: [value] if value else [],
            "sections",
        ),
    )

    section: str = ""
    json: bool = False
    wait: int = 0
    peers: tuple[PeerAddress, ...] = ()


@dataclass(frozen=True, slots=True)
class Report(Operation):
    """Print all the router knows.

    Args:
        template: a Go template that says what to print; empty for JSON.
    """

    name: ClassVar[str] = "report"
    example: ClassVar[str] = "report -f '{{.Router.Name}}'"
    parts: ClassVar[tuple[Option | Argument, ...]] = (
        Option("template", ("-f", "--format"), "What to print, as '{{.Router.Name}}'.", metavar="TEMPLATE"),
    )

    template: str = ""
