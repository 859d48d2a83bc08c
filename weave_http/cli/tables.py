"""Tables, and those of `ps` and `status` of many hosts, whose rows are printed while some are still waited for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from weave_http.commands.fleet import Result
from weave_http.operations import Operation, Ps, Status
from weave_http.operations.outcome import Outcome

Row = tuple[str, ...]


class HostTable:
    """Rows of many hosts. Those that are printed at once are in the order of the hosts.

    Args:
        head: what stands above the columns, the first of which has the hosts' names.
        rows_of: the rows of one host, without its name.
        names: of all hosts.
        write: takes lines, without the last end of line.
    """

    def __init__(
        self, head: Row, rows_of: Callable[[Outcome], list[Row]], names: Sequence[str], write: Callable[[str], None]
    ) -> None:
        self._head = head
        self._rows_of = rows_of
        self._order = {name: number for number, name in enumerate(names)}
        self._write = write
        self._widths = [max(map(len, (head[0], *names))), *map(len, head[1:])]
        self._added: list[Result[Outcome]] = []
        self._is_begun = False

    def add(self, result: Result[Outcome]) -> None:
        """Take what came of a host."""
        if result.outcome is not None:
            self._added.append(result)

    def print_added(self) -> None:
        """Print the rows of the hosts that were added since the last time; before the first ones, the head."""
        if not self._added:
            return
        rows: list[Row] = [] if self._is_begun else [self._head]
        for result in sorted(self._added, key=lambda each: self._order[each.host]):
            if result.outcome is not None and result.outcome.out:
                rows += [(result.host, *row) for row in self._rows_of(result.outcome)]
        if rows:
            self._widths = [max(self._widths[at], *(len(row[at]) for row in rows)) for at in range(len(self._head))]
            self._write(_aligned(rows, self._widths))
        self._added.clear()
        self._is_begun = True


def table_of(operation: Operation, names: Sequence[str], write: Callable[[str], None]) -> HostTable | None:
    """Return the table that an operation on many hosts is printed as; None if it is printed in lines.

    Args:
        operation: what is asked of each host; `Status` is to be asked for JSON then.
        names: of the hosts.
        write: takes lines, without the last end of line.
    """
    if isinstance(operation, Ps):
        return HostTable(("HOST", "CONTAINER", "MAC", "ADDRESSES"), _ps, names, write)
    if isinstance(operation, Status) and not operation.section:
        head = ("HOST", "VERSION", "CONNECTIONS", "PEERS", "CONTAINERS", "NAMES", "TROUBLE")
        return HostTable(head, _status, names, write)
    return None


def _ps(outcome: Outcome) -> list[Row]:
    return [(*line.split(maxsplit=2), "", "")[:3] for line in outcome.out.splitlines()]


def _status(outcome: Outcome) -> list[Row]:
    return [_summary(outcome.json())]


def _summary(report: Mapping[str, Any]) -> Row:
    """Return the columns of a host's report."""
    router = report["Router"]
    states = [connection["State"] for connection in router["Connections"]]
    sections = [report.get(name) or {} for name in ("Overlay", "Engine", "Memory", "DNS")]
    troubles = [str(section["Trouble"]) for section in sections if section.get("Trouble")]
    names = {entry["Hostname"] for entry in (report.get("DNS") or {}).get("Entries") or ()}
    return (
        str(report["Version"]),
        f"{states.count('established')} of {len(states)}",
        str(len(router["Peers"])),
        str(len(report.get("Attachments") or ())),
        str(len(names)),
        "; ".join(troubles) or "-",
    )


def as_table(rows: Sequence[Row]) -> str:
    """Return rows as text, each column as wide as its widest cell."""
    return _aligned(rows, [max(map(len, column)) for column in zip(*rows, strict=True)])


def _aligned(rows: Sequence[Row], widths: Sequence[int]) -> str:
    lines = ("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join(lines)
