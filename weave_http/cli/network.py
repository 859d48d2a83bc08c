"""Weave's commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from weave_http.cli.session import session

PASS_THROUGH = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "allow_interspersed_args": False,
    "help_option_names": ["--help"],
}
"""Hand every word on as it was typed: what it means is decided elsewhere."""

CIDRS_AND_CONTAINER = "CIDR… CONTAINER"


def add_to(app: typer.Typer) -> None:
    """Add Weave's commands to the application, in the order of a day's work."""
    app.command()(setup)
    app.command(context_settings=PASS_THROUGH)(launch)
    app.command()(connect)
    app.command()(forget)
    app.command(context_settings=PASS_THROUGH)(run)
    for command in (attach, detach, ps, status, stop, reset, version):
        app.command()(command)


def setup(
    context: typer.Context,
    source: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="Load the image from a docker archive.")
    ] = None,
    build: Annotated[bool, typer.Option("--build", help="Build the image on this machine and load it.")] = False,
) -> int:
    """Bring the image to the Docker host: pulled, from a file, or built here."""
    from weave_http import commands
    from weave_http.cli.image import built

    if build and source is not None:
        raise typer.BadParameter("--build and --from exclude each other")
    with session(context) as caller:
        return commands.setup(caller, built() if build else source)


def launch(
    context: typer.Context,
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[ROUTER OPTIONS] [PEER…]", help="Peers as HOST[:PORT].")
    ] = None,
) -> int:
    """Start the router on the Docker host, and connect it to peers."""
    from weave_http import commands

    with session(context) as caller:
        return commands.launch(caller, arguments or [])


def connect(
    context: typer.Context,
    peers: Annotated[list[str], typer.Argument(metavar="PEER…", help="Peers as HOST[:PORT].")],
    replace: Annotated[bool, typer.Option("--replace", help="Forget all other peers.")] = False,
) -> int:
    """Connect the router to more peers."""
    from weave_http import commands

    with session(context) as caller:
        return commands.connect(caller, peers, replace=replace)


def forget(
    context: typer.Context,
    peers: Annotated[list[str], typer.Argument(metavar="PEER…", help="Peers as they were given.")],
) -> int:
    """Stop trying to connect to peers."""
    from weave_http import commands

    with session(context) as caller:
        return commands.forget(caller, peers)


def run(
    context: typer.Context,
    arguments: Annotated[list[str], typer.Argument(metavar="CIDR… [DOCKER RUN OPTIONS] IMAGE [COMMAND…]")],
    with_dns: Annotated[bool, typer.Option("--with-dns", help="Let the container ask Weave's name server.")] = False,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Start the program at once, not when it is on the network.")
    ] = False,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Be the container until it ends, as docker run without -d.")
    ] = False,
) -> int:
    """Start a container that is on the network, with docker run's arguments."""
    import os
    from pathlib import PurePosixPath

    from weave_http import commands
    from weave_http.addresses import leading_cidrs
    from weave_http.commands.dns_args import dns_args
    from weave_http.run_args import parse

    addresses, rest = leading_cidrs(arguments)
    directory = PurePosixPath(Path.cwd())
    request = parse(rest, environ=os.environ, directory=directory)
    with session(context) as caller:
        if with_dns:
            code, words = dns_args(caller, rest)
            if code != 0:
                return code
            request = parse([*words, *rest], environ=os.environ, directory=directory)
        return commands.run(caller, addresses, request, wait=not no_wait, foreground=foreground)


def attach(
    context: typer.Context,
    arguments: Annotated[list[str], typer.Argument(metavar=CIDRS_AND_CONTAINER)],
) -> int:
    """Join a running container to the network."""
    from weave_http import commands
    from weave_http.addresses import cidrs_and_container

    addresses, container = cidrs_and_container(arguments)
    with session(context) as caller:
        return commands.attach(caller, addresses, container)


def detach(
    context: typer.Context,
    arguments: Annotated[list[str], typer.Argument(metavar=CIDRS_AND_CONTAINER)],
) -> int:
    """Take addresses of the network away from a container."""
    from weave_http import commands
    from weave_http.addresses import cidrs_and_container

    addresses, container = cidrs_and_container(arguments)
    with session(context) as caller:
        return commands.detach(caller, addresses, container)


def ps(
    context: typer.Context,
    containers: Annotated[list[str] | None, typer.Argument(metavar="[CONTAINER…]")] = None,
) -> int:
    """List the containers on the network: id, MAC, addresses."""
    from weave_http import commands

    with session(context) as caller:
        return commands.ps(caller, containers or [])


def status(
    context: typer.Context,
    section: Annotated[
        str, typer.Argument(metavar="[targets|connections|peers]", help="One section; none: a summary.")
    ] = "",
) -> int:
    """Show the router's state."""
    from weave_http import commands

    with session(context) as caller:
        return commands.status(caller, section)


def stop(context: typer.Context) -> int:
    """Stop the router; containers of one host keep reaching each other."""
    from weave_http import commands

    with session(context) as caller:
        return commands.stop(caller)


def reset(
    context: typer.Context,
    force: Annotated[bool, typer.Option("--force", help="Also when the router does not answer.")] = False,
) -> int:
    """Stop the router and remove everything of Weave's from the Docker host."""
    from weave_http import commands

    with session(context) as caller:
        return commands.reset(caller, force=force)


def version(context: typer.Context) -> int:
    """Print the versions on this side and on the Docker host."""
    from weave_http import commands

    with session(context) as caller:
        return commands.version(caller)
