"""The `weave` command for Typer: groups of commands, completion. A command is made when its name is asked for."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from weave_http import __version__
from weave_http.cli.docker_options import BY_NAME, read
from weave_http.cli.help import page
from weave_http.cli.index import COMMANDS, GROUPS
from weave_http.cli.options import Globals
from weave_http.errors import UsageError
from weave_http.operations.index import SUMMARIES


class Commands(MutableMapping[str, Any]):
    """All commands by name. One is made when it is asked for: making them all takes longer than most commands."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}
        self._added: dict[str, Any] = {}

    def __iter__(self) -> Iterator[str]:
        """Yield the names, in the order of the help."""
        from weave_http.operations.plain import GONE

        grouped = (name for names in GROUPS.values() for name in names)
        yield from dict.fromkeys((*grouped, *COMMANDS, *SUMMARIES, *GONE, *self._added))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = self._added[name] if name in self._added else _make(name)
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._added[name] = command

    def __delitem__(self, name: str) -> None:
        del self._added[name]


def _make(name: str) -> Any:
    """Return a command. Raises `KeyError`."""
    if name in COMMANDS:
        module, _ = COMMANDS[name]
        home = import_module(f"weave_http.cli.{module}")
        command = get_command(getattr(home, "apps", {name: getattr(home, "app", None)})[name])
        command.name = name
        return command
    if name in SUMMARIES:
        from weave_http.cli.operation import OperationCommand
        from weave_http.operations import find

        operation = find(name)
        assert operation is not None
        return OperationCommand(name, operation)
    from weave_http.operations.plain import GONE, Gone

    if name not in GONE:
        raise KeyError(name)
    from weave_http.cli.operation import OperationCommand

    return OperationCommand(name, Gone)


class Weave(TyperGroup):
    """The group of all commands. There is no grammar of the options before a command but that of `docker_options`."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = Commands()

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the options before the command; what is left begins with it, or with an option of Typer's.

        Raises:
            UsageError: they make no sense; not while somebody is typing them.
        """
        ctx.meta["words"] = list(args)
        try:
            options, rest = read(args, unfinished=ctx.resilient_parsing)
        except UsageError:
            if not ctx.resilient_parsing:
                raise
            options, rest = Globals(), []
        ctx.obj = ctx.obj or options
        return super().parse_args(ctx, rest)

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names, in the order of the help."""
        return list(self.commands)

    def format_help(self, _ctx: Any, formatter: Any) -> None:
        """Write the help of `weave`."""
        formatter.write(page(formatter.width))

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Return what may stand for an incomplete word: an option, its value, or a command."""
        from weave_http.cli.completion import Candidate, contexts

        words = [word for word in ctx.meta.get("words", ()) if word != "="]  # bash takes that for a word
        before = BY_NAME.get(words[-1]) if words else None
        if before is not None and before.kind != "switch":
            choices = contexts(ctx.obj) if before.field == "context" else before.choices
            return [Candidate(word) for word in choices if word.startswith(incomplete)]
        found: list[Any] = list(super().shell_complete(ctx, incomplete))
        if incomplete.startswith("-"):
            rows = [(name, option.help) for name, option in BY_NAME.items() if name.startswith(incomplete)]
            found = [*(Candidate(name, help_) for name, help_ in rows), *found]
        return found

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return name, command and the words for it.

        Raises:
            UsageError: there is no such command.
        """
        command = self.commands.get(args[0])
        if command is None and not ctx.resilient_parsing and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], list(self.commands), n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else "see `weave --help`"
            raise UsageError(f"unknown command {args[0]!r}", hint=hint)
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="weave",
    cls=Weave,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"weave {__version__}")
        raise typer.Exit


@app.callback()
def options_of_typer(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take the options that Typer reads."""
