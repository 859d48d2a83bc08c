"""`weave create-body`: docker run's arguments as the JSON that they are, for curl and for the curious."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from weave_http.cli.pass_through import PASS_THROUGH

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(context_settings=PASS_THROUGH)
def create_body(
    context: typer.Context,
    arguments: Annotated[list[str], typer.Argument(metavar="[DOCKER RUN OPTIONS] IMAGE [COMMAND…]")],
) -> None:
    """Print the body of docker run's create call. Nothing is sent.

    What belongs into the call's query (--name, --platform) is told on stderr.
    """
    import json
    from urllib.parse import urlencode

    from weave_http.cli.session import session
    from weave_http.commands.run import read_arguments
    from weave_http.records import replace

    with session(replace(context.obj, selection=None)) as caller:
        request = read_arguments(caller, arguments)
    for warning in request.warnings:
        typer.echo(f"weave: {warning}", err=True)
    query = {key: value for key, value in (("name", request.name), ("platform", request.platform)) if value}
    if query:
        typer.echo(f"weave: goes with POST /containers/create?{urlencode(query, safe='/')}", err=True)
    if sys.stdout.isatty():
        typer.echo(json.dumps(request.config, indent=2, ensure_ascii=False))
    else:
        typer.echo(json.dumps(request.config, separators=(",", ":")))
