"""`weave explain` and `weave script`: a command taken apart instead of run."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from weave_http.cli.pass_through import PASS_THROUGH
from weave_http.errors import UsageError
from weave_http.records import replace

if TYPE_CHECKING:
    from weave_http.transcript import Stage


class Format(StrEnum):
    """How an explanation is written."""

    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"


COMMAND = "COMMAND [ARGUMENT…]"
EXAMPLE = "As typed after weave: attach 10.2.1.1/24 web."


def _commands(incomplete: str) -> list[str]:
    return [name for name in _known() if name.startswith(incomplete)]


def _known() -> list[str]:
    from weave_http.operations import NAMES

    return list(dict.fromkeys(["setup", *(name for name in NAMES if name != "help")]))


explain_app = typer.Typer(rich_markup_mode=None, add_completion=False)
script_app = typer.Typer(rich_markup_mode=None, add_completion=False)
apps = {"explain": explain_app, "script": script_app}


@explain_app.command(context_settings=PASS_THROUGH)
def explain(
    context: typer.Context,
    words: Annotated[list[str], typer.Argument(metavar=COMMAND, help=EXAMPLE, autocompletion=_commands)],
    form: Annotated[Format, typer.Option("--format", help="The page in HTML has a picture, too.")] = Format.TEXT,
) -> None:
    """Explain a command: its calls, and what each is for.

    Also what comes of them on the host, as lines of ip, iptables and docker. Nothing is sent.
    """
    from weave_http.transcript.lesson import lesson
    from weave_http.transcript.page import as_html
    from weave_http.transcript.prose import as_markdown, as_text

    _check(words)
    told = lesson(words, lambda stage: _play(context, words, stage), show_secrets=context.obj.show_secrets)
    render = {Format.TEXT: as_text, Format.MARKDOWN: as_markdown, Format.HTML: as_html}[form]
    for line in render(told):
        typer.echo(line)


@script_app.command(context_settings=PASS_THROUGH)
def script(
    context: typer.Context,
    words: Annotated[list[str], typer.Argument(metavar=COMMAND, help=EXAMPLE, autocompletion=_commands)],
) -> None:
    """Print a shell script of curl calls that does the same.

    It has the effect, the output and the exit code of the command. Nothing is sent before it is run.
    """
    from weave_http.commands.container_run import START_FAILURE_CODES
    from weave_http.transcript.script import script as written

    _check(words)
    text = written(
        words,
        lambda stage: _play(context, words, stage, cold=True),
        START_FAILURE_CODES,
        show_secrets=context.obj.show_secrets,
    )
    typer.echo(text, nl=False)


def _play(context: typer.Context, words: Sequence[str], stage: Stage, *, cold: bool = False) -> None:
    """Run a command on a stage; a script is cold, because curl can't write to a connection that it has opened."""
    from weave_http.cli.app import app

    options = replace(context.obj, stage=stage, cold=cold or context.obj.cold)
    app(list(words), prog_name="weave", standalone_mode=False, obj=options)


def _check(words: Sequence[str]) -> None:
    """Raise `UsageError` unless the words begin with a command that is calls to a daemon and nothing else."""
    if words[0] not in _known():
        from difflib import get_close_matches

        near = get_close_matches(words[0], _known(), n=3)
        hint = (
            f"did you mean {' or '.join(near)}?" if near else "expected a command that calls one Docker host, as attach"
        )
        raise UsageError(f"{words[0]!r} can't be taken apart", hint=hint)
