"""Weave's commands."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from weave_http.cli.complete import all_containers, running_containers, targets
from weave_http.cli.session import Globals, endpoint_of, other_daemon, session

PASS_THROUGH = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "allow_interspersed_args": False,
    "help_option_names": ["--help"],
}
"""Hand every word on as it was typed: what it means is decided elsewhere."""

ANYWHERE = {"help_option_names": ["--help"]}
"""`-h` is a name, as in Weave; options may stand before and behind the arguments."""

CIDRS_AND_CONTAINER = "CIDR… CONTAINER"
JOINED = "As 10.2.1.1/24 web."
NAMED = "[IP…] CONTAINER [-h NAME] | IP… -h NAME"


class Listing(StrEnum):
    """How a list is printed."""

    TEXT = "text"
    JSON = "json"


FormatOption = Annotated[Listing, typer.Option("--format", help="How to print it.", case_sensitive=False)]


def add_to(app: typer.Typer) -> None:
    """Add Weave's commands to the application, in the order of a day's work."""
    app.command()(setup)
    app.command(context_settings=PASS_THROUGH)(launch)
    app.command()(connect)
    app.command()(forget)
    app.command(context_settings=PASS_THROUGH)(run)
    for joining in (start, restart, attach, detach):
        app.command()(joining)
    app.command(context_settings=ANYWHERE)(expose)
    for command in (hide, ps, status, stop, reset, version):
        app.command()(command)
    for dns_command in (dns_add, dns_remove, dns_args, launch_dns):
        app.command(context_settings=PASS_THROUGH)(dns_command)
    app.command()(dns_lookup)
    app.command()(stop_dns)


def setup(
    context: typer.Context,
    source: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="Load the image from a docker archive.")
    ] = None,
    build: Annotated[bool, typer.Option("--build", help="Build the image on this machine and load it.")] = False,
    from_host: Annotated[
        str | None, typer.Option("--from-host", metavar="ENDPOINT", help="Take the image from another Docker host.")
    ] = None,
    from_context: Annotated[
        str | None, typer.Option("--from-context", metavar="NAME", help="The same, by its docker context.")
    ] = None,
) -> int:
    """Bring the image to the Docker host.

    The host pulls it, unless an option names another source.
    """
    from weave_http import commands
    from weave_http.cli.image import built

    given = {"--from": source, "--build": build or None, "--from-host": from_host, "--from-context": from_context}
    if len(chosen := [option for option, value in given.items() if value is not None]) > 1:
        raise typer.BadParameter(f"{chosen[0]} and {chosen[1]} exclude each other")
    if from_host is not None or from_context is not None:
        with session(context) as caller, other_daemon(context, from_host, from_context) as other:
            return commands.setup(caller, other)
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
    peers: Annotated[
        list[str], typer.Argument(metavar="PEER…", help="Peers as they were given.", autocompletion=targets)
    ],
) -> int:
    """Stop trying to connect to peers."""
    from weave_http import commands

    with session(context) as caller:
        return commands.forget(caller, peers)


def run(
    context: typer.Context,
    arguments: Annotated[
        list[str],
        typer.Argument(metavar="CIDR… [DOCKER RUN OPTIONS] IMAGE [COMMAND…]", help="As 10.2.1.1/24 --name web nginx."),
    ],
    with_dns: Annotated[bool, typer.Option("--with-dns", help="Let the container ask Weave's name server.")] = False,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Start the program at once, not when it is on the network.")
    ] = False,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Be the container until it ends, as docker run without -d.")
    ] = False,
) -> int:
    """Start a container on the network, as docker run would.

    It is left running and its id is printed, as by docker run -d, unless --foreground is given.
    """
    from dataclasses import replace

    from weave_http import commands
    from weave_http.addresses import leading_cidrs
    from weave_http.cli.create_body import request_of
    from weave_http.commands.with_dns import dns_options

    options: Globals = replace(context.obj, verbose=False)  # the session says which endpoint it is
    endpoint = endpoint_of(options, options.host, options.context)
    cidrs, rest = leading_cidrs(arguments)
    addresses = list(map(str, cidrs))
    request = request_of(rest, endpoint, options)
    with session(context) as caller:
        if with_dns:
            code, words = dns_options(caller, rest)
            if code != 0:
                return code
            request = request_of([*words, *rest], endpoint, options)
        return commands.run(caller, addresses, request, wait=not no_wait, foreground=foreground)


Stopped = Annotated[list[str], typer.Argument(metavar=CIDRS_AND_CONTAINER, help=JOINED, autocompletion=all_containers)]
Running = Annotated[
    list[str], typer.Argument(metavar=CIDRS_AND_CONTAINER, help=JOINED, autocompletion=running_containers)
]


def start(context: typer.Context, arguments: Stopped) -> int:
    """Start a stopped container, and join it to the network."""
    from weave_http import commands

    addresses, container = _as_typed(arguments)
    with session(context) as caller:
        return commands.start(caller, addresses, container)


def restart(context: typer.Context, arguments: Stopped) -> int:
    """Restart a container, and join it to the network."""
    from weave_http import commands

    addresses, container = _as_typed(arguments)
    with session(context) as caller:
        return commands.restart(caller, addresses, container)


def attach(
    context: typer.Context,
    arguments: Running,
    without_dns: Annotated[bool, typer.Option("--without-dns", help="Do not register its name.")] = False,
    rewrite_hosts: Annotated[
        bool, typer.Option("--rewrite-hosts", help="Its own name means these addresses, in its /etc/hosts.")
    ] = False,
    no_multicast_route: Annotated[
        bool, typer.Option("--no-multicast-route", help="Do not route multicast to the network.")
    ] = False,
    add_host: Annotated[
        list[str] | None, typer.Option("--add-host", metavar="NAME:IP", help="A line for its /etc/hosts.")
    ] = None,
) -> int:
    """Join a running container to the network."""
    from weave_http import commands

    addresses, container = _as_typed(arguments)
    with session(context) as caller:
        return commands.attach(
            caller,
            addresses,
            container,
            dns=not without_dns,
            rewrite_hosts=rewrite_hosts,
            multicast=not no_multicast_route,
            extra_hosts=add_host or (),
        )


def detach(context: typer.Context, arguments: Running) -> int:
    """Take addresses of the network away from a container."""
    from weave_http import commands

    addresses, container = _as_typed(arguments)
    with session(context) as caller:
        return commands.detach(caller, addresses, container)


def expose(
    context: typer.Context,
    addresses: Annotated[list[str], typer.Argument(metavar="CIDR…", help="Addresses of the host, as 10.2.1.254/24.")],
    name: Annotated[str, typer.Option("-h", metavar="FQDN", help="Name of the addresses in the DNS.")] = "",
    without_masquerade: Annotated[
        bool, typer.Option("--without-masquerade", help="Let others see the containers' own addresses.")
    ] = False,
) -> int:
    """Put the Docker host itself on the network."""
    from weave_http import commands
    from weave_http.addresses import leading_cidrs
    from weave_http.errors import UsageError

    cidrs, rest = leading_cidrs(addresses)
    if rest:
        raise UsageError(f"unexpected argument {rest[0]!r}", hint="expected [--without-masquerade] CIDR… [-h FQDN]")
    with session(context) as caller:
        return commands.expose(caller, list(map(str, cidrs)), masquerade=not without_masquerade, name=name)


def hide(
    context: typer.Context,
    addresses: Annotated[list[str], typer.Argument(metavar="CIDR…", help="Addresses of the host.")],
) -> int:
    """Take the Docker host off the network."""
    from weave_http import commands
    from weave_http.addresses import leading_cidrs
    from weave_http.errors import UsageError

    cidrs, rest = leading_cidrs(addresses)
    if rest:
        raise UsageError(f"unexpected argument {rest[0]!r}", hint="expected CIDR…")
    with session(context) as caller:
        return commands.hide(caller, list(map(str, cidrs)))


def _as_typed(arguments: list[str]) -> tuple[list[str], str]:
    """Return addresses, with the `ip:` that some have, and container. Raises `UsageError`."""
    from weave_http.addresses import cidrs_and_container

    _, container = cidrs_and_container(arguments)
    return arguments[:-1], container


def ps(
    context: typer.Context,
    containers: Annotated[
        list[str] | None, typer.Argument(metavar="[CONTAINER…]", autocompletion=running_containers)
    ] = None,
    form: FormatOption = Listing.TEXT,
) -> int:
    """List the containers on the network: id, MAC, addresses."""
    from weave_http import commands

    with session(context) as caller:
        return commands.ps(caller, containers or [], as_json=form is Listing.JSON)


def status(
    context: typer.Context,
    section: Annotated[
        str, typer.Argument(metavar="[targets|connections|peers|dns]", help="One section; none: a summary.")
    ] = "",
    form: FormatOption = Listing.TEXT,
) -> int:
    """Show the router's state."""
    from weave_http import commands

    with session(context) as caller:
        return commands.status(caller, section, as_json=form is Listing.JSON)


def stop(context: typer.Context) -> int:
    """Stop the router.

    The containers of one host keep reaching each other.
    """
    from weave_http import commands

    with session(context) as caller:
        return commands.stop(caller)


def reset(
    context: typer.Context,
    force: Annotated[bool, typer.Option("--force", help="Also when the router does not answer.")] = False,
) -> int:
    """Stop the router, and remove all of Weave's from the host."""
    from weave_http import commands

    with session(context) as caller:
        return commands.reset(caller, force=force)


def version(context: typer.Context) -> int:
    """Print the versions on this side and on the Docker host."""
    from weave_http import commands

    with session(context) as caller:
        return commands.version(caller)


def dns_add(
    context: typer.Context,
    arguments: Annotated[list[str], typer.Argument(metavar=NAMED, help="As web -h web.weave.local.")],
) -> int:
    """Give a container's addresses, or others, a name.

    Without -h it is the container's hostname.
    """
    from weave_http import commands

    with session(context) as caller:
        return commands.dns_add(caller, arguments)


def dns_remove(
    context: typer.Context,
    arguments: Annotated[list[str], typer.Argument(metavar=NAMED, help="As web -h web.weave.local.")],
) -> int:
    """Take names away: all that fit what is said."""
    from weave_http import commands

    with session(context) as caller:
        return commands.dns_remove(caller, arguments)


def dns_lookup(context: typer.Context, name: Annotated[str, typer.Argument(metavar="NAME")]) -> int:
    """Print the addresses that containers are told for a name."""
    from weave_http import commands

    with session(context) as caller:
        return commands.dns_lookup(caller, name)


def dns_args(
    context: typer.Context,
    arguments: Annotated[list[str] | None, typer.Argument(metavar="[DOCKER RUN OPTIONS]")] = None,
) -> int:
    """Print docker run's options for the use of Weave's names."""
    from weave_http import commands

    with session(context) as caller:
        return commands.dns_args(caller, arguments or [])


def launch_dns(
    context: typer.Context,
    arguments: Annotated[list[str], typer.Argument(metavar="CIDR [OPTIONS]")],
) -> int:
    """Make sure that the router serves names.

    Weave 0.10 had another container for that.
    """
    from weave_http import commands

    with session(context) as caller:
        return commands.launch_dns(caller, arguments)


def stop_dns(context: typer.Context) -> int:
    """Do nothing: names end with the router.

    Weave 0.10 had another container for that.
    """
    from weave_http import commands

    with session(context) as caller:
        return commands.stop_dns(caller)
