"""`weave up` and `weave down`: one network of many Docker hosts, and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from weave_http.errors import UsageError
from weave_http.operations.reading import WAIT_SECONDS
from weave_http.records import replace

if TYPE_CHECKING:
    from weave_http.operations.outcome import Outcome

_FLAGS = "weave.launch"


class UpCommand(TyperCommand):
    """The command `up`, which passes words after `--` on to `launch`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take the words after `--` away, and read the others."""
        end = args.index("--") if "--" in args else len(args)
        ctx.meta[_FLAGS] = args[end + 1 :]
        return super().parse_args(ctx, args[:end])


up_app = typer.Typer(rich_markup_mode=None, add_completion=False)
down_app = typer.Typer(rich_markup_mode=None, add_completion=False)
apps = {"up": up_app, "down": down_app}
_HOSTS = (
    "Names, patterns, label=LABEL, context=NAME, endpoints, or NAME=ENDPOINT; without any, those that are selected."
)


@up_app.command(cls=UpCommand)
def up(
    context: typer.Context,
    hosts: Annotated[list[str] | None, typer.Argument(metavar="[HOST…] [-- LAUNCH FLAG…]", help=_HOSTS)] = None,
    advertise: Annotated[
        list[str] | None,
        typer.Option("--advertise", metavar="NAME=ADDRESS", help="Where other hosts' routers reach that host."),
    ] = None,
    wait: Annotated[
        int, typer.Option("--wait", metavar="SECONDS", min=1, max=3600, help="Wait so long until they are connected.")
    ] = WAIT_SECONDS,
    at_once: Annotated[
        int | None,
        typer.Option(
            "--at-once", metavar="NUMBER", min=1, max=1000, help="Work on so many hosts at a time; 32 if not given."
        ),
    ] = None,
) -> int:
    """Make one network of Docker hosts: the image, a router on each, connections between them.

    What is there already is left, so the same again does no harm, and takes in hosts that are new. Without any host it
    is for those of --hosts, WEAVE_HOSTS or the file of hosts, else for the one of DOCKER_HOST.

    Example: weave up ssh://root@host1 ssh://root@host2
    """
    from weave_http.cli.board import Board
    from weave_http.cli.fleet import counted, fleet_of, hosts_or_one
    from weave_http.commands.bringing_up import up as up_
    from weave_http.commands.fleet import Result

    members = hosts_or_one(context.obj, hosts or [])
    given = dict(map(_advertised, advertise or []))
    if unknown := sorted(set(given) - {member.name for member in members}):
        names = ", ".join(member.name for member in members)
        raise UsageError(f"--advertise is for {unknown[0]}, which is none of the hosts", hint=f"they are {names}")
    members = [replace(member, advertise=given.get(member.name, member.advertise)) for member in members]
    board = Board([member.name for member in members])

    def tell(name: str, line: str) -> None:
        if not context.obj.dry_run:
            board.line(name, line)

    def ended(result: Result[str]) -> None:
        board.over(result.host)
        if result.error is not None:
            board.failed(result.host, result.error)
        else:
            tell(result.host, str(result.value))

    with fleet_of(context.obj, members, board, silent=True, at_once=at_once) as fleet:
        results = up_(fleet, flags=context.meta[_FLAGS], wait=wait, tell=tell, ended=ended)
    return counted(board, results)


def _advertised(text: str) -> tuple[str, str]:
    name, equals, address = text.partition("=")
    if not (name and equals and address):
        raise UsageError(f"invalid --advertise {text!r}", hint="expected NAME=ADDRESS, as host1=10.0.0.5")
    return name, address


@down_app.command()
def down(
    context: typer.Context,
    hosts: Annotated[list[str] | None, typer.Argument(metavar="[HOST…]", help=_HOSTS)] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Remove all that Weave made there, too.")] = False,
) -> int:
    """Stop the routers of Docker hosts.

    The containers of one host keep reaching each other, unless --reset is given.

    Example: weave down --reset
    """
    from weave_http.cli.board import Board
    from weave_http.cli.fleet import counted, fleet_of, hosts_or_one
    from weave_http.commands.fleet import Result
    from weave_http.operations import Operation, Reset, Stop

    members = hosts_or_one(context.obj, hosts or [])
    board = Board([member.name for member in members])
    operation: Operation = Reset() if reset else Stop()

    def ended(result: Result[Outcome]) -> None:
        board.over(result.host)
        if result.error is not None:
            board.failed(result.host, result.error)

    with fleet_of(context.obj, members, board, silent=True) as fleet:
        return counted(board, fleet.perform(operation, ended=ended))
