"""`weave sandbox`: real Docker hosts on this machine, to try things on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from weave_http.platform_needed import require_linux

if TYPE_CHECKING:
    from weave_http.sandbox import Sandbox, SandboxHost

app = typer.Typer(
    help="Real Docker hosts on this machine, to try things on.\n\n"
    "Each is a dockerd in namespaces of its own; one LAN joins them.",
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
)

StateOption = Annotated[
    Path | None,
    typer.Option("--state", metavar="DIR", help="Where the hosts' disks are kept.", show_default=False),
]
NameOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="What the sandbox is called on this machine: weave if not given.", show_default=False
    ),
]
SubnetOption = Annotated[
    str | None,
    typer.Option(metavar="CIDR", help="IPv4 network of its LAN: 10.99.0.0/16 if not given.", show_default=False),
]
LONGEST_NAME = 12
_WHAT = "the sandbox"


def _sandbox(state: Path | None, name: str | None = None, subnet: str | None = None) -> Sandbox:
    require_linux(_WHAT)
    from weave_http.sandbox import DEFAULT_STATE, Sandbox

    return Sandbox(state or DEFAULT_STATE, name, subnet)


@app.command()
def check() -> None:
    """Say what keeps this machine from having hosts, if anything."""
    require_linux(_WHAT)
    from weave_http.sandbox import require_machine

    require_machine(Path("/"))


@app.command()
def up(
    hosts: Annotated[int, typer.Option("--hosts", min=1, max=200, metavar="N", help="How many hosts.")] = 2,
    engine_root: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Root file system that has the engine in it; this machine's own by default."),
    ] = Path("/"),
    state: StateOption = None,
    name: NameOption = None,
    subnet: SubnetOption = None,
) -> None:
    """Start hosts that are missing; those that run are left alone.

    A second sandbox on one machine needs a directory, a name and a subnet of its own.
    """
    sandbox = _sandbox(state, name, subnet)
    for host in sandbox.up(hosts=hosts, engine_root=engine_root, report=lambda line: typer.echo(line, err=True)):
        typer.echo(_line(host))


@app.command("list")
def list_(state: StateOption = None) -> None:
    """List the hosts: name, DOCKER_HOST, state."""
    for host in _sandbox(state).hosts():
        typer.echo(_line(host))


def _line(host: SandboxHost) -> str:
    return f"{host.name:<{LONGEST_NAME}} {host.docker_host:<26} {host.state}"


@app.command()
def env(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    unix: Annotated[bool, typer.Option("--unix", help="The unix socket instead of TCP with TLS.")] = False,
    state: StateOption = None,
) -> None:
    """Print shell lines by which docker and weave choose a host.

    Have your shell run them: eval "$(weave sandbox env host1)"
    """
    import shlex

    for key, value in _sandbox(state).host(name).env(unix=unix).items():
        typer.echo(f"export {key}={shlex.quote(value)}" if value else f"unset {key}")


@app.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def exec_(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    command: Annotated[list[str], typer.Argument(metavar="-- CMD…")],
    state: StateOption = None,
) -> int:
    """Run a command on a host, as root.

    Options come before the host's name: what follows is the command's.
    """
    return _sandbox(state).exec(name, command[1:] if command[:1] == ["--"] else command)


@app.command()
def down(state: StateOption = None, name: NameOption = None) -> None:
    """End all hosts and remove everything of theirs."""
    _sandbox(state, name).down()
