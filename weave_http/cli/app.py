"""The `weave` command: global options, and the groups of commands."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from enum import StrEnum
from itertools import takewhile
from typing import Annotated

import typer
from typer.main import get_command_name
from typer.models import CommandInfo

from weave_http import __version__
from weave_http.cli import create_body, further, image, network, sandbox, teach
from weave_http.cli.docker_options import DockerOptions
from weave_http.cli.session import to_daemon

app = typer.Typer(
    name="weave",
    cls=DockerOptions,
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
        given, dry_run=dry_run, trace=trace, verbose=verbose, show_secrets=show_secrets, calls=calls.value
    )


def app_for(words: Sequence[str]) -> typer.Typer:
    """Return the application with the commands only that the words may mean.

    Typer makes every command that it is told of before it reads a word, which is most of its time.

    Args:
        words: what was typed after `weave`.
    """
    part = copy(app)
    part.registered_commands = [command for command in app.registered_commands if _name(command) in words]
    part.registered_groups = [group for group in app.registered_groups if group.name in words]
    named = {_name(command) for command in part.registered_commands} | {group.name for group in part.registered_groups}
    options = list(takewhile(lambda word: word not in named, words))
    # The list of commands has all of them, and so has the search for what an unknown one may have meant.
    return part if named and "--help" not in options else app


def _name(command: CommandInfo) -> str:
    assert command.callback is not None
    return command.name or get_command_name(command.callback.__name__)


network.add_to(app)
further.add_to(app)
teach.add_to(app)
create_body.add_to(app)
app.add_typer(image.app, name="image")
app.add_typer(sandbox.app, name="sandbox")
