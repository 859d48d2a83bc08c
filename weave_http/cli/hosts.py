"""`weave hosts`: names for Docker hosts, in the file of hosts."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from weave_http.errors import UsageError

app = typer.Typer(
    help="Names for Docker hosts, in a file of yours.\n\n"
    "It is hosts.toml in the folder weave of $XDG_CONFIG_HOME (~/.config). Some are chosen by --hosts web,label=db.",
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
)
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="What the host is called.")]


@app.command()
def add(
    context: typer.Context,
    name: NameArgument,
    endpoint: Annotated[
        str, typer.Argument(metavar="[ENDPOINT]", help="As DOCKER_HOST takes it.", show_default=False)
    ] = "",
    docker_context: Annotated[
        str, typer.Option("--context", "-c", metavar="NAME", help="The docker context that has it.", show_default=False)
    ] = "",
    label: Annotated[
        list[str] | None, typer.Option("--label", "-l", metavar="LABEL", help="Chosen by label=LABEL; may be repeated.")
    ] = None,
    advertise: Annotated[
        str,
        typer.Option(metavar="ADDRESS", help="Where other hosts' routers reach it.", show_default=False),
    ] = "",
) -> None:
    """Give a Docker host a name, or change what the name means.

    Example: weave hosts add db1 ssh://admin@db1.example --label db
    """
    from weave_http.addresses import parse_peer_address
    from weave_http.cli.selection import members
    from weave_http.commands.inventory import KnownHost, checked, hosts_path, read_hosts, write_hosts

    if advertise:
        parse_peer_address(advertise)
    host = checked(KnownHost(name, endpoint, docker_context, tuple(label or ()), advertise))
    members(context.obj, [host])  # raises when it makes no endpoint
    path = hosts_path(os.environ)
    there = {each.name: each for each in read_hosts(path)}
    write_hosts(path, (there | {name: host}).values())


@app.command("list")
def list_() -> None:
    """List the hosts: name, endpoint or context, labels."""
    from weave_http.cli.tables import as_table
    from weave_http.commands.inventory import hosts_path, read_hosts

    rows = [
        (
            host.name,
            host.endpoint or f"context {host.context}",
            ",".join(host.labels) or "-",
            host.advertise or "-",
        )
        for host in read_hosts(hosts_path(os.environ))
    ]
    typer.echo(as_table([("NAME", "ENDPOINT", "LABELS", "ADVERTISED"), *rows]))


@app.command()
def remove(names: Annotated[list[str], typer.Argument(metavar="NAME…", help="The hosts' names.")]) -> None:
    """Take hosts out of the file; nothing happens to them."""
    from weave_http.commands.inventory import hosts_path, read_hosts, write_hosts

    path = hosts_path(os.environ)
    there = read_hosts(path)
    if unknown := [name for name in names if name not in {host.name for host in there}]:
        raise UsageError(f"no host is called {unknown[0]!r}", hint="weave hosts list shows them; none was removed")
    write_hosts(path, [host for host in there if host.name not in names])
