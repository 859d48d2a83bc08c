"""`weave setup`: where the image comes from."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from weave_http.cli.completion import contexts
from weave_http.errors import UsageError

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def setup(
    context: typer.Context,
    source: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="Load the image from a docker archive.")
    ] = None,
    build: Annotated[bool, typer.Option("--build", help="Build the image, also if it is there.")] = False,
    from_host: Annotated[
        str | None, typer.Option("--from-host", metavar="ENDPOINT", help="Take the image from another Docker host.")
    ] = None,
    from_context: Annotated[
        str | None,
        typer.Option(
            "--from-context",
            metavar="NAME",
            help="The same, by its docker context.",
            autocompletion=lambda ctx: contexts(ctx.obj),
        ),
    ] = None,
) -> int:
    """Bring the image to the Docker host.

    Without an option the image that is there is good. If there is none, the host pulls the one that EXEC_IMAGE names.
    If nothing is named it is built: on this machine if that is a Debian of the host's architecture, else on the host.
    No image of Weave's is pulled by itself: the default one is in no registry.
    """
    from weave_http import commands
    from weave_http.cli.session import other_daemon, session

    given = {"--from": source, "--build": build or None, "--from-host": from_host, "--from-context": from_context}
    if len(chosen := [option for option, value in given.items() if value is not None]) > 1:
        raise UsageError(f"{chosen[0]} and {chosen[1]} exclude each other", hint="name one source")
    if context.obj.selection is not None and context.obj.stage is None:
        from weave_http.cli.fleet import work_on_all

        with ExitStack() as scope:
            if from_host is not None or from_context is not None:
                other_one = scope.enter_context(other_daemon(context.obj, from_host, from_context))
                return work_on_all(context.obj, lambda caller: commands.setup(caller, other_one))
            return work_on_all(context.obj, lambda caller: commands.setup(caller, source, build=build))
    if from_host is not None or from_context is not None:
        with session(context.obj) as caller, other_daemon(context.obj, from_host, from_context) as other:
            return commands.setup(caller, other).code
    with session(context.obj) as caller:
        return commands.setup(caller, source, build=build).code
