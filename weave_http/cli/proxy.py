"""`weave proxy`: plain docker clients of this machine, and their containers on the network."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from weave_http.engine import Endpoint, Engine

_LONG = re.compile(r"(?=.{79})(\S+ +[^\s?]+)\?\S+ +(\d+ +[\d.]+ ms)")
"""A call's line that does not fit into 80 columns below a client's: its query is left out."""

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def proxy(
    context: typer.Context,
    socket: Annotated[
        str | None, typer.Option("--socket", metavar="PATH", help="Listen there; by default in XDG_RUNTIME_DIR.")
    ] = None,
    no_default_ipalloc: Annotated[
        bool, typer.Option("--no-default-ipalloc", help="Leave containers alone that do not ask for the network.")
    ] = False,
    without_dns: Annotated[
        bool, typer.Option("--without-dns", help="Do not let containers use the router's names, nor give them one.")
    ] = False,
    no_rewrite_hosts: Annotated[
        bool, typer.Option("--no-rewrite-hosts", help="Leave the containers' /etc/hosts alone.")
    ] = False,
    rewrite_inspect: Annotated[
        bool, typer.Option("--rewrite-inspect", help="Let inspect show the network's addresses.")
    ] = False,
    hostname_from_label: Annotated[
        str, typer.Option("--hostname-from-label", metavar="LABEL", help="Make hostnames of this label.")
    ] = "",
    hostname_match: Annotated[
        str, typer.Option("--hostname-match", metavar="REGEXP", help="What hostnames are made of; (.*) by default.")
    ] = "",
    hostname_replacement: Annotated[
        str, typer.Option("--hostname-replacement", metavar="TEXT", help="What becomes of it; $1 by default.")
    ] = "",
) -> int:
    """Serve the Docker API on a socket here; containers created by it join the network.

    It prints the line that has docker use it, and runs until it is interrupted. All calls go to the daemon that -H, a
    context or DOCKER_HOST names. With `weave --trace proxy` it shows each call of a client, and what is changed of it.
    """
    from weave_http.cli.session import credentials_of, session
    from weave_http.cli.watching import watcher
    from weave_http.commands.proxy import proxy as serve
    from weave_http.engine import connect
    from weave_http.proxy.settings import settings_of

    options = context.obj
    settings = settings_of(
        {
            "no-default-ipalloc": no_default_ipalloc,
            "without-dns": without_dns,
            "no-rewrite-hosts": no_rewrite_hosts,
            "rewrite-inspect": rewrite_inspect,
            "hostname-from-label": hostname_from_label,
            "hostname-match": hostname_match,
            "hostname-replacement": hostname_replacement,
        }
    )

    def below(line: str) -> None:
        found = _LONG.fullmatch(line)
        print(f"  {f'{found[1]}?…':<62} {found[2]}" if found else f"  {line}", file=sys.stderr, flush=True)

    def another(endpoint: Endpoint) -> Engine:
        watch = watcher(options, endpoint, say=below if options.calls == "line" else None)
        return connect(endpoint, transport="wire", watch=watch, credentials=credentials_of(options))

    with session(options) as caller:
        path = os.path.abspath(socket) if socket else ""
        if options.dry_run or options.stage is not None:
            caller.engine.ping()  # all that it asks by itself
            return 0
        return serve(caller, settings, path, another, watched=options.trace)
