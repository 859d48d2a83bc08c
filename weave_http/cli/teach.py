"""`weave explain` and `weave script`: a command taken apart instead of run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from weave_http.cli.network import PASS_THROUGH
from weave_http.cli.session import Globals
from weave_http.errors import UsageError

if TYPE_CHECKING:
    from weave_http.transcript import Stage


class Format(StrEnum):
    """How an explanation is written."""

    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"


COMMAND = "COMMAND [ARGUMENT…]"
EXAMPLE = "As typed after weave: attach 10.2.1.1/24 web."


def add_to(app: typer.Typer) -> None:
    """Add the commands to the application whose commands they take apart."""

    def play(context: typer.Context, words: Sequence[str], stage: Stage) -> None:
        app(list(words), prog_name="weave", standalone_mode=False, obj=replace(_globals(context), stage=stage))

    @app.command(context_settings=PASS_THROUGH)
    def explain(
        context: typer.Context,
        words: Annotated[list[str], typer.Argument(metavar=COMMAND, help=EXAMPLE)],
        form: Annotated[Format, typer.Option("--format", help="The page in HTML has a picture, too.")] = Format.TEXT,
    ) -> None:
        """Explain a command: its calls, and what each is for.

        Also what comes of them on the host, as lines of ip, iptables and docker. Nothing is sent.
        """
        from weave_http.transcript.lesson import lesson
        from weave_http.transcript.page import as_html
        from weave_http.transcript.prose import as_markdown, as_text

        _check(words)
        told = lesson(words, lambda stage: play(context, words, stage), show_secrets=_globals(context).show_secrets)
        render = {Format.TEXT: as_text, Format.MARKDOWN: as_markdown, Format.HTML: as_html}[form]
        for line in render(told):
            typer.echo(line)

    @app.command(context_settings=PASS_THROUGH)
    def script(
        context: typer.Context,
        words: Annotated[list[str], typer.Argument(metavar=COMMAND, help=EXAMPLE)],
    ) -> None:
        """Print a shell script of curl calls that does the same.

        It has the effect, the output and the exit code of the command. Nothing is sent before it is run.
        """
        from weave_http.commands.running import START_FAILURE_CODES
        from weave_http.transcript.script import script as written

        _check(words)
        text = written(
            words,
            lambda stage: play(context, words, stage),
            START_FAILURE_CODES,
            show_secrets=_globals(context).show_secrets,
        )
        typer.echo(text, nl=False)


def _globals(context: typer.Context) -> Globals:
    options: Globals = context.obj
    return options


def _check(words: Sequence[str]) -> None:
    """Raise `UsageError` unless the words begin with a command that is calls to a daemon and nothing else."""
    from weave_http import commands

    known = [name.replace("_", "-") for name in commands.__all__ if name.islower() and name != "gone"]
    if words[0] not in known:
        raise UsageError(f"{words[0]!r} can't be taken apart", hint=f"expected one of {', '.join(known)}")
