"""What a shell completes, and `weave completion`: containers and peers, as the daemon knows them.

The daemon is asked for a second at most and without a word about failures, because somebody is typing. Nothing is made
there that would have to be taken away again: peers come from a command in the router's own container.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from weave_http.cli.options import Globals, Warnings

if TYPE_CHECKING:
    from weave_http.engine import Engine

PATIENCE_SECONDS = 1.0


app = typer.Typer(rich_markup_mode=None, add_completion=False)


class Shell(StrEnum):
    """A shell that can complete."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@app.command()
def completion(
    shell: Annotated[Shell, typer.Argument(metavar="[bash|zsh|fish]", case_sensitive=False)],
) -> None:
    """Print a script by which a shell completes weave's words.

    Have your shell run it: eval "$(weave completion bash)"
    """
    from typer.completion import get_completion_script  # type: ignore[attr-defined]  # not among its exports

    typer.echo(get_completion_script(prog_name="weave", complete_var="_WEAVE_COMPLETE", shell=shell.value))


class Candidate(NamedTuple):
    """What may stand for an incomplete word, as Typer's shells want it.

    Args:
        value: the word.
        help: what it does; shells that can, show it.
        type: how a shell completes it.
    """

    value: str
    help: str = ""
    type: str = "plain"


def contexts(options: Globals) -> list[str]:
    """Return the names of docker's contexts."""
    from weave_http.docker_config import config_dir
    from weave_http.engine.contexts import names
    from weave_http.engine.endpoint import read_file
    from weave_http.errors import WeaveError

    try:
        return ["default", *names(config_dir(options.docker_environ()), read_file)]
    except WeaveError:  # a file that can't be read; somebody is typing
        return ["default"]


def candidates(context: typer.Context, kind: str, incomplete: str) -> list[str]:
    """Return the words that begin so, none if there are none in time.

    Args:
        context: Typer's, with the options before the command.
        kind: what is completed, see `Argument.candidates` of the operations.
        incomplete: what was typed of it.
    """
    if kind == "sections":
        from weave_http.operations.reading import SECTIONS

        return [section for section in SECTIONS if section.startswith(incomplete)]
    if kind == "commands":
        from weave_http.cli.index import GROUPS

        return [name for names in GROUPS.values() for name in names if name.startswith(incomplete)]
    questions: dict[str, Callable[[Engine], list[str]]] = {
        "running": lambda engine: _names(engine, everything=False),
        "containers": lambda engine: _names(engine, everything=True),
        "targets": _targets,
    }
    return _asked(context, incomplete, questions[kind])


class _Silent(Warnings):
    """Gives no warning: somebody is typing."""

    def __call__(self, line: str) -> None:
        """Say nothing."""


def _asked(context: typer.Context, incomplete: str, question: Callable[[Engine], list[str]]) -> list[str]:
    """Return the answers of a daemon that begin so, none if there are none in time."""
    import threading

    from weave_http.cli.session import endpoint_of
    from weave_http.engine import connect
    from weave_http.errors import WeaveError
    from weave_http.records import replace

    found: list[str] = []

    def ask() -> None:
        try:
            options = replace(context.obj or Globals(), warn=_Silent())
            if options.selection is not None:
                return
            endpoint = endpoint_of(options, options.host, options.context)
            with connect(endpoint, transport="wire") as engine:  # a call or two: no package is worth its import
                found.extend(question(engine))
        except (WeaveError, OSError):
            pass

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(PATIENCE_SECONDS)
    return sorted(answer for answer in list(found) if answer.startswith(incomplete))


def _names(engine: Engine, *, everything: bool) -> list[str]:
    listed = engine.containers.list(all=everything)
    return [str(name).removeprefix("/") for container in listed for name in container["Names"][:1]]


def _targets(engine: Engine) -> list[str]:
    import os

    from weave_http import constants

    router = os.environ.get("WEAVE_CONTAINER_NAME") or constants.ROUTER_CONTAINER
    command = engine.execs.create(router, [constants.EXECUTOR_PROGRAM, "--local", "status", "targets"])
    with engine.execs.start(command) as output:
        text = b"".join(data for stream, data in output if stream == 1)
    return text.decode(errors="replace").split()
