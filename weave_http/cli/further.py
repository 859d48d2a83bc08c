"""Weave's commands beside those of every day, and the ones that only scripts use."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

import typer

from weave_http.cli.network import PASS_THROUGH
from weave_http.cli.session import session

GONE = (
    *("launch-router", "stop-router", "launch-proxy", "stop-proxy", "proxy-args", "launch-plugin", "stop-plugin"),
    *("setup-cni", "attach-bridge", "attach-router", "test-launch"),
)
"""Commands that some version of Weave has, and of which the executor says what there is instead."""


class Shell(StrEnum):
    """A shell that can complete."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def add_to(app: typer.Typer) -> None:
    """Add the commands to the application."""
    for command in (report, prime, rmpeer, env, config):
        app.command()(command)
    app.command("help")(help_)
    app.command()(completion)
    for internal in (create_bridge, bridge_type, docker_bridge_ip):
        app.command(hidden=True)(internal)
    for name in GONE:
        app.command(name, hidden=True, context_settings=PASS_THROUGH)(_gone(name))


def report(
    context: typer.Context,
    template: Annotated[
        str, typer.Option("--format", "-f", metavar="TEMPLATE", help="What to print, as '{{.Router.Name}}'.")
    ] = "",
) -> int:
    """Print all the router knows, as JSON or by a Go template."""
    from weave_http import commands

    with session(context) as caller:
        return commands.report(caller, template)


def prime(context: typer.Context) -> int:
    """Do nothing: there is nothing to wait for.

    Other versions of Weave wait until addresses can be handed out; this one hands out none.
    """
    from weave_http import commands

    with session(context) as caller:
        return commands.prime(caller)


def rmpeer(
    context: typer.Context,
    peers: Annotated[list[str], typer.Argument(metavar="PEER…", help="Names or nicknames.")],
) -> int:
    """Forget peers that are gone for good."""
    from weave_http import commands

    with session(context) as caller:
        return commands.rmpeer(caller, peers)


def env(
    context: typer.Context,
    restore: Annotated[bool, typer.Option("--restore", help="Print what undoes an earlier version's env.")] = False,
) -> int:
    """Say what there is instead of a Docker API proxy."""
    from weave_http import commands

    with session(context) as caller:
        return commands.env(caller, restore=restore)


def config(context: typer.Context) -> int:
    """Say what there is instead of a Docker API proxy, and fail."""
    from weave_http import commands

    with session(context) as caller:
        return commands.config(caller)


def help_(
    context: typer.Context,
    words: Annotated[list[str] | None, typer.Argument(metavar="[COMMAND]")] = None,
) -> None:
    """Show what there is to type."""
    from weave_http.cli.app import app

    app([*(words or []), "--help"], prog_name="weave", standalone_mode=False)


def completion(
    shell: Annotated[Shell, typer.Argument(metavar="[bash|zsh|fish]", case_sensitive=False)],
) -> None:
    """Print a script by which a shell completes weave's words.

    Have your shell run it: eval "$(weave completion bash)"
    """
    from typer.completion import get_completion_script  # type: ignore[attr-defined]  # not among its exports

    typer.echo(get_completion_script(prog_name="weave", complete_var="_WEAVE_COMPLETE", shell=shell.value))


def create_bridge(context: typer.Context) -> int:
    """Make the bridge, without a router."""
    from weave_http import commands

    with session(context) as caller:
        return commands.create_bridge(caller)


def bridge_type(context: typer.Context) -> int:
    """Print what kind of bridge there is."""
    from weave_http import commands

    with session(context) as caller:
        return commands.bridge_type(caller)


def docker_bridge_ip(context: typer.Context) -> int:
    """Print the address by which containers reach their host."""
    from weave_http import commands

    with session(context) as caller:
        return commands.docker_bridge_ip(caller)


def _gone(name: str) -> Callable[..., int]:
    def command(
        context: typer.Context,
        words: Annotated[list[str] | None, typer.Argument(metavar="[ARGUMENT…]")] = None,
    ) -> int:
        """Say what there is instead of this command of another version."""
        from weave_http import commands

        with session(context) as caller:
            return commands.gone(caller, name, words or ())

    return command
