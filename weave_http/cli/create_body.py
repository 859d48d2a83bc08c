"""`weave create-body`: docker run's arguments as the JSON that they are, for curl and for the curious."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from weave_http.cli.network import PASS_THROUGH
from weave_http.cli.session import Globals, endpoint_of

if TYPE_CHECKING:
    from weave_http.engine import Endpoint
    from weave_http.run_args import CreateRequest


def add_to(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("create-body", context_settings=PASS_THROUGH)(create_body)


def create_body(
    context: typer.Context,
    arguments: Annotated[list[str], typer.Argument(metavar="[DOCKER RUN OPTIONS] IMAGE [COMMAND…]")],
) -> None:
    """Print the body of docker run's create call. Nothing is sent.

    What belongs into the call's query (--name, --platform) is told on stderr.
    """
    import json
    from urllib.parse import urlencode

    options: Globals = context.obj
    request = request_of(arguments, endpoint_of(options, options.host, options.context), options)
    for warning in request.warnings:
        typer.echo(f"weave: {warning}", err=True)
    query = {key: value for key, value in (("name", request.name), ("platform", request.platform)) if value}
    if query:
        typer.echo(f"weave: goes with POST /containers/create?{urlencode(query, safe='/')}", err=True)
    if sys.stdout.isatty():
        typer.echo(json.dumps(request.config, indent=2, ensure_ascii=False))
    else:
        typer.echo(json.dumps(request.config, separators=(",", ":")))


def request_of(
    arguments: Sequence[str], endpoint: Endpoint, options: Globals, *, os_type: str = "linux"
) -> CreateRequest:
    """Return what arguments mean that were typed here, with this machine's files and environment.

    Args:
        arguments: the words after `docker run`.
        endpoint: the daemon that is meant; it is not asked.
        options: say where docker's configuration is.
        os_type: its system, as its ping says.

    Raises:
        RunArgumentError: they make no request.
    """
    import os
    from pathlib import Path, PurePosixPath

    from weave_http.run_args import LocalFiles, parse

    return parse(
        arguments,
        environ=os.environ,
        directory=PurePosixPath(Path.cwd()),
        os_type=os_type,
        files=LocalFiles(options.environ()),
        remote=endpoint.scheme != "unix",
        daemon=endpoint.url,
    )
