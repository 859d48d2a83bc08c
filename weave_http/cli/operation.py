"""An operation as a command: its words are parsed, helped with and completed by what the operation declares."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand

from weave_http.cli.performing import HELP, asks_for_help, parse, perform

if TYPE_CHECKING:
    from weave_http.operations.operation import Argument, Operation, Option


class OperationCommand(TyperCommand):
    """The command of an operation. There is no grammar but the operation's own.

    Args:
        name: what is typed.
        operation: its class.
    """

    def __init__(self, name: str, operation: type[Operation]) -> None:
        super().__init__(
            name,
            help="\n\n".join(filter(None, (operation.summary, operation.more))),
            hidden=operation.internal,
            rich_markup_mode=None,
        )
        self._operation = operation

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Make the operation of the words; `--help` prints the help instead.

        Raises:
            UsageError: they make none; it says where help is.
        """
        ctx.args = list(args)
        if ctx.resilient_parsing:
            return args
        if asks_for_help(self._operation, args):
            typer.echo(ctx.get_help())
            raise typer.Exit
        ctx.params["operation"] = parse(self._operation, self.name or "", args)
        return []

    def invoke(self, ctx: Any) -> int:
        """Perform the operation and return its exit code."""
        operation: Operation = ctx.params["operation"]
        if operation.name == "help":
            from weave_http.cli.app import app

            app([*operation.words()[1:], HELP], prog_name="weave", standalone_mode=False)
            return 0
        return perform(ctx.obj, operation)

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        """Write the line of usage; an option stays in one piece."""
        begin = f"Usage: {ctx.command_path} "
        text = (begin + self._operation.usage()).rstrip()
        for line in wrap(text, formatter.width, subsequent_indent=" " * len(begin), break_on_hyphens=False):
            formatter.write(f"{line}\n")

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the tables of arguments and options, an example, and the exit codes."""
        from weave_http.operations.operation import EXIT_CODES, Option
        from weave_http.operations.variables import EVERYWHERE, VARIABLES, variables_of

        parts = self._operation.parts
        arguments = [(part.metavar, part.help) for part in parts if not isinstance(part, Option) and part.help]
        options = [(_spelling(part), part.help) for part in parts if isinstance(part, Option)]
        for title, rows in (("Arguments", arguments), ("Options", [*options, (HELP, "Show this message and exit.")])):
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)
        if self._operation.example:
            with formatter.section("Example"):
                formatter.write_text(f"weave {self._operation.example}")
        variables = [(name, VARIABLES[name]) for name in (*variables_of(self._operation.name), *EVERYWHERE)]
        codes = sorted((*EXIT_CODES, *self._operation.exit_codes), key=lambda code: (len(code[0]), code[0]))
        for title, rows in (("Environment variables", variables), ("Exit codes", codes)):
            with formatter.section(title):
                formatter.write_dl(rows)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Return what may stand for an incomplete word, as `CompletionItem`s."""
        from weave_http.cli.completion import Candidate

        return [
            Candidate(word, help_) for word, help_ in self._candidates(ctx, incomplete) if word.startswith(incomplete)
        ]

    def _candidates(self, ctx: Any, incomplete: str) -> Iterator[tuple[str, str]]:
        """Yield words that could be meant, with what they do where that is known."""
        from weave_http.operations.operation import Option

        options = {name: part for part in self._operation.parts if isinstance(part, Option) for name in part.names}
        words = [word for word in ctx.args if word != "="]  # bash takes that for a word
        before = options.get(words[-1]) if words else None
        if before is not None and before.metavar and not before.bare:
            yield from ((choice, "") for choice in before.metavar.split("|") if "|" in before.metavar)
        elif incomplete.startswith("-"):
            yield from ((name, part.help) for name, part in options.items() if part.many or name not in words)
            yield HELP, "Show this message and exit."
        else:
            from weave_http.cli.completion import candidates

            arguments: list[Argument] = [part for part in self._operation.parts if not isinstance(part, Option)]
            for kind in dict.fromkeys(part.candidates for part in arguments if part.candidates):
                yield from ((word, "") for word in candidates(ctx, kind, incomplete))


def _spelling(option: Option) -> str:
    """Return an option as the help shows it."""
    return ", ".join((*option.names[:-1], option.spelling.replace(option.names[0], option.names[-1], 1)))
