"""The `weave` command: global options, and the commands, each made when its name is asked for."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import replace
from enum import StrEnum
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.main import get_command

from weave_http import __version__
from weave_http.cli.docker_options import DockerOptions
from weave_http.cli.options import to_daemon
from weave_http.errors import UsageError
from weave_http.operations.index import INTERNAL, SUMMARIES

FIRST = {"setup": ("setup", "Bring the image to the Docker host.")}
FURTHER = {
    "explain": ("explain", "Explain a command: its calls, and what each is for."),
    "script": ("explain", "Print a shell script of curl calls that does the same."),
    "create-body": ("create_body", "Print the body of docker run's create call. Nothing is sent."),
    "completion": ("completion", "Print a script by which a shell completes weave's words."),
    "image": ("image", "Build the image of executor and router, without a registry."),
    "sandbox": ("sandbox", "Real Docker hosts on this machine, to try things on."),
}
"""Commands that are no operations: the modules that have them, and the first line of their help."""


class Commands(MutableMapping[str, Any]):
    """All commands by name. One is made when it is asked for: making them all takes longer than most commands."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}
        self._added: dict[str, Any] = {}

    def __iter__(self) -> Iterator[str]:
        """Yield the names, in the order of the help."""
        from weave_http.operations.plain import GONE

        yield from dict.fromkeys((*FIRST, *SUMMARIES, *FURTHER, *GONE, *self._added))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = self._added[name] if name in self._added else _make(name)
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._added[name] = command

    def __delitem__(self, name: str) -> None:
        del self._added[name]


def _make(name: str) -> Any:
    """Return a command. Raises `KeyError`."""
    if name in FIRST or name in FURTHER:
        module, _ = {**FIRST, **FURTHER}[name]
        home = import_module(f"weave_http.cli.{module}")
        command = get_command(getattr(home, "apps", {name: getattr(home, "app", None)})[name])
        command.name = name
        return command
    if name in SUMMARIES:
        from weave_http.cli.operation import OperationCommand
        from weave_http.operations import find

        operation = find(name)
        assert operation is not None
        return OperationCommand(name, operation)
    from weave_http.operations.plain import GONE, Gone

    if name not in GONE:
        raise KeyError(name)
    from weave_http.cli.operation import OperationCommand

    return OperationCommand(name, Gone)


class Weave(DockerOptions):
    """The group of all commands."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = Commands()

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names, in the order of the help."""
        return list(self.commands)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands."""
        lines = {name: summary for name, summary in SUMMARIES.items() if name not in INTERNAL}
        own = ({name: summary for name, (_, summary) in table.items()} for table in (FIRST, FURTHER))
        first, further = own
        with formatter.section("Commands"):
            formatter.write_dl([*first.items(), *lines.items(), *further.items()])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return name, command and the words for it.

        Raises:
            UsageError: there is no such command.
        """
        command = self.commands.get(args[0])
        if command is None and not ctx.resilient_parsing and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], list(self.commands), n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else "see `weave --help`"
            raise UsageError(f"unknown command {args[0]!r}", hint=hint)
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="weave",
    cls=Weave,
    help="Join the containers of many Docker hosts into one network, by plain calls to their Remote APIs.",
    epilog="DOCKER_HOST (and DOCKER_TLS_VERIFY, DOCKER_CERT_PATH, contexts) choose the Docker host, as for docker. "
    "`weave explain COMMAND…` tells which API calls a command is, and what each is for.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
)


class Calls(StrEnum):
    """How a call is shown."""

    LINE = "line"
    CURL = "curl"
    HTTP = "http"
    JSON = "json"


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"weave {__version__}")
        raise typer.Exit


@app.callback()
def globals_(
    context: typer.Context,
    host: Annotated[
        list[str] | None,
        typer.Option("--host", "-H", metavar="ENDPOINT", help="Docker host, instead of DOCKER_HOST."),
    ] = None,
    docker_context: Annotated[
        str | None, typer.Option("--context", "-c", metavar="NAME", help="Docker context to use.")
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Docker's configuration (contexts, credentials), instead of DOCKER_CONFIG."),
    ] = None,
    tls: Annotated[str | None, typer.Option(metavar="[=BOOL]", help="Use TLS; implied by --tlsverify.")] = None,
    tlsverify: Annotated[
        str | None, typer.Option(metavar="[=BOOL]", help="Use TLS and verify the daemon; not, if false.")
    ] = None,
    tlscacert: Annotated[str | None, typer.Option(metavar="FILE", help="Trust certificates of this CA.")] = None,
    tlscert: Annotated[str | None, typer.Option(metavar="FILE", help="Client certificate.")] = None,
    tlskey: Annotated[str | None, typer.Option(metavar="FILE", help="Key of the client certificate.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the API calls, and send none.")] = False,
    trace: Annotated[bool, typer.Option("--trace", help="Show each API call on stderr as it is made.")] = False,
    calls: Annotated[
        Calls, typer.Option("--calls", help="How the two above show a call.", case_sensitive=False)
    ] = Calls.LINE,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose", "-v", help="Show bodies with lines, and short answers in a trace. Say which endpoint is used."
        ),
    ] = False,
    show_secrets: Annotated[bool, typer.Option("--show-secrets", help="Do not mask passwords.")] = False,
    cold: Annotated[
        bool, typer.Option("--cold", help="Use a throw-away container, and not the resident executor.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    given = to_daemon(
        host=host,
        context=docker_context,
        config=config,
        tls=tls,
        tlsverify=tlsverify,
        tlscacert=tlscacert,
        tlscert=tlscert,
        tlskey=tlskey,
    )
    context.obj = context.obj or replace(
        given, dry_run=dry_run, trace=trace, verbose=verbose, show_secrets=show_secrets, calls=calls.value, cold=cold
    )
