"""The help of `weave` itself: text made of tables. It needs no Typer, which takes longer to load than all the rest."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from textwrap import wrap

from weave_http.cli.docker_options import GLOBAL_OPTIONS
from weave_http.cli.index import GROUPS, summary
from weave_http.cli.performing import HELP
from weave_http.cli.terminal import Terminal

_WHAT = "Join the containers of many Docker hosts into one network, by plain calls to their Remote APIs."
_WHERE = (
    "DOCKER_HOST (and DOCKER_TLS_VERIFY, DOCKER_CERT_PATH, contexts) choose the Docker host, as for docker. "
    "`weave explain COMMAND…` tells which API calls a command is, and what each is for."
)
OPTIONS_OF_TYPER = (
    ("--version", "Print the version."),
    ("--install-completion", "Install completion for the current shell."),
    ("--show-completion", "Show completion for the current shell, to copy it or customize the installation."),
    (HELP, "Show this message and exit."),
)
"""The options before the command that Typer reads, and what they do."""
_WIDEST, _NARROWEST = 78, 50
"""Columns of the text: longer lines are hard to read, and in shorter ones a table has no room."""


def page(width: int | None = None) -> str:
    """Return the help of `weave`: usage, the options before a command, and the commands by group.

    Args:
        width: columns of the text; what the screen has, unless given.
    """
    width = _columns() if width is None else width
    lines = ["Usage: weave [OPTIONS] COMMAND [ARGS]...", ""]
    lines += _paragraph(_WHAT, width)
    lines += _table("Options", [*(option.row for option in GLOBAL_OPTIONS), *OPTIONS_OF_TYPER], width)
    longest = max(len(name) for names in GROUPS.values() for name in names)
    for group, names in GROUPS.items():
        lines += _table(group, [(name.ljust(longest), summary(name)) for name in names], width)
    return "\n".join([*lines, "", *_paragraph(_WHERE, width), ""])


def _columns() -> int:
    """Return how wide the text may be, by `$COLUMNS` or the terminal."""
    given, screen = os.environ.get("COLUMNS", ""), Terminal().size()
    columns = int(given) if given.isdecimal() else 0
    return max(min((columns or (screen[1] if screen else 80)) - 2, _WIDEST), _NARROWEST)


def _paragraph(text: str, width: int) -> list[str]:
    return wrap(text, width, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def _table(title: str, rows: Sequence[tuple[str, str]], width: int) -> Iterator[str]:
    """Yield the lines of a table of two columns, under its title."""
    yield ""
    yield f"{title}:"
    indent = max(len(name) for name, _ in rows) + 4
    for name, meaning in rows:
        head = f"  {name}".ljust(indent)
        yield from wrap(meaning, width, initial_indent=head, subsequent_indent=" " * indent, break_on_hyphens=False)
