"""A command on many Docker hosts: what is printed of it, and the exit code."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from weave_http.cli import performing
from weave_http.cli.board import Board, HostMeter
from weave_http.cli.options import Globals
from weave_http.cli.selection import chosen, members, one_of
from weave_http.cli.tables import table_of
from weave_http.commands.caller import Caller
from weave_http.commands.fleet import AT_ONCE, Fleet, Member, Result, worst
from weave_http.commands.placing import check, spread
from weave_http.commands.signals import Signals
from weave_http.errors import WeaveError
from weave_http.operations import Operation, Run, Status
from weave_http.operations.outcome import Outcome
from weave_http.records import replace
from weave_http.sinks import NOWHERE

if TYPE_CHECKING:
    from weave_http.commands.fleet import Work
    from weave_http.commands.inventory import KnownHost


@contextmanager
def fleet_of(
    options: Globals,
    hosts: Sequence[Member],
    board: Board,
    *,
    silent: bool = False,
    as_json: bool = False,
    at_once: int | None = None,
) -> Iterator[Fleet]:
    """Open a fleet whose hosts print on a board; signals of this process go on to them.

    Args:
        options: before the command.
        hosts: its members.
        board: takes what they print.
        silent: drop what they print on stdout: it is to be in another form.
        as_json: drop what they print on stderr, too: failures are objects, which are in the results.
        at_once: hosts worked on at the same time; `AT_ONCE` if not given.
    """
    from weave_http.cli.session import credentials_of
    from weave_http.cli.watching import watcher
    from weave_http.engine import connect

    @contextmanager
    def opening(member: Member) -> Iterator[Caller]:
        def say(line: str) -> None:
            board.line(member.name, line, error=not options.dry_run)

        out, err = board.sink(member.name, error=False), board.sink(member.name, error=True)
        # Many hosts are many calls, and a package's client takes longer to make than a call.
        with connect(
            member.endpoint,
            transport="wire",
            watch=watcher(options, member.endpoint, say=say),
            credentials=credentials_of(options),
        ) as engine:
            yield Caller(
                engine,
                NOWHERE if silent or options.dry_run else out,
                NOWHERE if as_json else err,
                os.environ,
                member.endpoint,
                config=options.config or "",
                meter=HostMeter(board, member.name),
                cold=options.cold,
            )
            out.close()
            err.close()

    signals = Signals()
    with signals.listening(), Fleet(hosts, opening, signals=signals, at_once=at_once or AT_ONCE) as fleet:
        try:
            yield fleet
        finally:
            board.end()


def perform_chosen(options: Globals, operation: Operation) -> int:
    """Perform an operation on the hosts that are chosen, or on the one it names; return the exit code of the worst.

    Args:
        options: before the command.
        operation: as parsed.

    Raises:
        UsageError: no host is meant, or this can't be done on several.
    """
    if isinstance(operation, Run) and operation.spread:
        return spread_over(options, operation)
    if isinstance(operation, Run) and operation.on:
        return performing.perform(one_of(options, operation.on), replace(operation, on=""))
    return perform_on_all(options, operation)


def perform_on_all(options: Globals, operation: Operation) -> int:
    """Perform an operation on all hosts that are chosen; return the exit code of the worst.

    Args:
        options: before the command, with a selection.
        operation: what is asked of each.

    Raises:
        UsageError: no host is meant, or this can't be done on several.
    """
    hosts = members(options, chosen(options))
    check(operation, [host.name for host in hosts])
    as_json = bool(getattr(operation, "json", False))
    board = Board([host.name for host in hosts])
    table = None if options.dry_run or as_json else table_of(operation, [host.name for host in hosts], board.block)
    if table is not None and isinstance(operation, Status):
        operation = replace(operation, json=True)
    told = bool(getattr(operation, "json", False))

    def ended(result: Result[Outcome]) -> None:
        _ended(board, result, silent=as_json and not options.dry_run)
        if table is not None:
            table.add(result)

    def show() -> None:
        if table is not None:
            table.print_added()

    with fleet_of(options, hosts, board, silent=as_json or table is not None, as_json=told) as fleet:
        results = fleet.perform(operation, ended=ended, lull=show)
    if as_json and not options.dry_run:
        board.block(json.dumps({result.host: _value(result) for result in results}, indent=4))
    show()
    return counted(board, results)


def work_on_all(options: Globals, work: Work[Outcome]) -> int:
    """Do some work on all hosts that are chosen, as `perform_on_all`."""
    hosts = members(options, chosen(options))
    board = Board([host.name for host in hosts])
    with fleet_of(options, hosts, board) as fleet:
        return counted(board, fleet.each(work, ended=lambda result: _ended(board, result)))


def spread_over(options: Globals, operation: Run) -> int:
    """Run one container on each of several hosts; return the exit code of the worst.

    Raises:
        UsageError: there are too few hosts, or too few addresses.
    """
    from weave_http.commands.perform import perform

    hosts = members(options, chosen(options))
    placed = spread(operation, [host.name for host in hosts])
    board = Board(list(placed))

    def run(each: Operation) -> Work[Outcome]:
        return lambda caller: perform(caller, each)

    with fleet_of(options, hosts, board) as fleet:
        work = {name: run(each) for name, each in placed.items()}
        return counted(board, fleet.each(work, ended=lambda result: _ended(board, result)))


def hosts_or_one(options: Globals, terms: Sequence[str]) -> list[Member]:
    """Return the hosts that `up` and `down` are for: those named, selected, of the file; else the one of docker's.

    Args:
        options: before the command.
        terms: after the command.
    """
    from weave_http.cli.session import endpoint_of
    from weave_http.commands.inventory import endpoint_name

    if options.selection is None and not terms and (options.host is not None or options.context is not None):
        found: list[KnownHost] = []
    else:
        found = chosen(options, terms)
    if found:
        return members(options, found)
    endpoint = endpoint_of(options, options.host, options.context)
    return [Member(options.context or endpoint_name(endpoint.url), endpoint)]


def counted(board: Board, results: Sequence[Result[Any]]) -> int:
    """Print how many hosts are done; return the exit code of the worst."""
    failed = [result.host for result in results if result.code]
    hosts = f"{len(results)} host{'s' * (len(results) != 1)}"
    line = f"weave: {hosts}: {len(results) - len(failed)} done"
    board.block(f"{line}, {len(failed)} failed: {', '.join(failed)}" if failed else line, error=True)
    return worst(results)


def _ended(board: Board, result: Result[Any], *, silent: bool = False) -> None:
    """Show that a host is done, and why it failed; not if `silent`: that is in the results' document."""
    board.over(result.host)
    failure = result.error or _failure(result.outcome)
    if failure is not None and not silent:
        board.failed(result.host, failure)


def _value(result: Result[Outcome]) -> Any:
    """Return what the document in JSON has of a host."""
    outcome = result.outcome
    if outcome is not None and outcome.ok:
        return outcome.json()
    failure = result.error or _failure(outcome) or WeaveError(f"it ended with {result.code}")
    return {"error": failure.message, "hint": failure.hint, "code": result.code}


def _failure(outcome: Outcome | None) -> WeaveError | None:
    """Return the failure that an operation with `json=True` has said as an object; None if there is none."""
    for line in reversed(outcome.err.splitlines() if outcome is not None else ()):
        try:
            said = json.loads(line) if line.startswith("{") else None
        except (ValueError, RecursionError):
            continue
        if isinstance(said, dict) and "error" in said:
            return WeaveError(str(said["error"]), hint=str(said.get("hint") or ""))
    return None
