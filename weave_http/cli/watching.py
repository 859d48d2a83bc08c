"""`--dry-run` and `--trace`: wraps or replaces the transport, to show the calls."""

from __future__ import annotations

import sys
from collections.abc import Callable

from weave_http.cli.options import Globals
from weave_http.hints import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from weave_http.engine import Endpoint
    from weave_http.engine.wire.contract import Transport
    from weave_http.transcript import Exchange


def watcher(
    options: Globals, endpoint: Endpoint, *, other: bool = False, say: Callable[[str], None] | None = None
) -> Callable[[Transport], Transport] | None:
    """Return what stands between the client and the wire: a stand-in, a watch, or nothing.

    Args:
        options: before the command.
        endpoint: where the calls go.
        other: it is another daemon than the command's own.
        say: takes a line; by default it is printed.
    """
    if not (options.dry_run or options.trace):
        return None
    from weave_http.engine.version import NEWEST, version_text
    from weave_http.transcript import AnswerPrinter, FullPrinter, Printer, StandIn, Watch
    from weave_http.transcript.conversation import frame_text

    def shown(line: str) -> None:
        if say is None:
            print(line, file=sys.stdout if options.dry_run else sys.stderr, flush=True)
        else:
            say(line)

    timed, secrets = not options.dry_run, options.show_secrets
    report: Callable[[Exchange], None] = (
        Printer(shown, bodies=options.verbose, timed=timed, secrets=secrets, at=endpoint.url if other else "")
        if options.calls == "line"
        else FullPrinter(shown, options.calls, endpoint, timed=timed, show_secrets=secrets)
    )

    answered = None
    if options.verbose and timed and options.calls != "json":
        answered = AnswerPrinter(shown, full=options.calls != "line", secrets=secrets)

    def hear(way: str, frame: dict[str, Any]) -> None:
        shown(f"{'       ' if options.calls == 'line' else '# '}{frame_text(way, frame, show_secrets=secrets)}")

    heard = hear if options.verbose and options.calls != "json" else None

    def watch(inner: Transport) -> Transport:
        return Watch(StandIn(version_text(NEWEST), other=other) if options.dry_run else inner, report, answered, heard)

    return watch
