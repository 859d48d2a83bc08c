"""The man page weave(1), made of the operations: `python -m weave_http.cli.man >weave.1`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from weave_http import __version__
from weave_http.cli.docker_options import GLOBAL_OPTIONS
from weave_http.cli.index import COMMANDS, GROUPS, summary
from weave_http.operations import find
from weave_http.operations.operation import EXIT_CODES, Operation, Option
from weave_http.operations.variables import VARIABLES, variables_of


def page() -> Iterator[str]:
    """Yield the lines of the page, in the macros of man(7)."""
    yield f'.TH WEAVE 1 "" "weave-http {__version__}" "User Commands"'
    yield from _section("NAME", r"weave \- join the containers of many Docker hosts into one network")
    yield from _section("SYNOPSIS", r".B weave", r"[\fIoption\fR ...] \fIcommand\fR [\fIargument\fR ...]")
    yield from _section(
        "DESCRIPTION",
        "Each command is a handful of plain calls to the API of a Docker daemon, which",
        r".B weave explain \fIcommand\fR",
        "shows. What has to happen on the Docker host is done there, in a container.",
    )
    yield from _section("OPTIONS", *_list(option.row for option in GLOBAL_OPTIONS))
    for group, names in GROUPS.items():
        yield from _section(f"COMMANDS: {group}".upper())
        for name in names:
            operation = None if name in COMMANDS else find(name)
            yield from _command(name, operation)
    yield from _section("ENVIRONMENT", *_list(VARIABLES.items()))
    yield from _section(
        "EXIT STATUS", *_list(EXIT_CODES), ".PP", "A command that has further ones says so above, and by --help."
    )
    yield from _section(
        "ERRORS",
        "A failure is one line on standard error: what failed, where, and after a semicolon what to do. Where",
        r".B \-\-format json",
        "asks for JSON, it is an object with error, hint, code (the exit status) and host.",
    )


def _section(title: str, *lines: str) -> Iterator[str]:
    yield f'.SH "{title}"'
    yield from lines


def _command(name: str, operation: type[Operation] | None) -> Iterator[str]:
    yield f'.SS "weave {_plain(name)}"'
    if operation is None:
        yield _text(summary(name))
        yield ".PP"
        yield rf"See \fBweave {_plain(name)} \-\-help\fR."
        return
    yield f".B weave {_plain(name)}"
    if usage := operation.usage():
        yield _text(usage)
    yield ".PP"
    yield _text(" ".join(filter(None, (operation.summary, operation.more))))
    options = [part for part in operation.parts if isinstance(part, Option)]
    yield from _list((" ".join(filter(None, (", ".join(part.names), part.metavar))), part.help) for part in options)
    yield from _list((code, f"(exit status) {meaning}") for code, meaning in operation.exit_codes)
    if variables := variables_of(name):
        yield ".PP"
        yield _text(f"Variables: {', '.join(variables)}.")
    if operation.example:
        yield ".PP"
        yield ".EX"
        yield _text(f"weave {operation.example}")
        yield ".EE"


def _list(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    for term, meaning in rows:
        yield ".TP"
        yield rf"\fB{_plain(term)}\fR"
        yield _text(meaning)


def _plain(text: str) -> str:
    """Return a text of which troff takes nothing for its own."""
    return text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq").replace("…", "...")


def _text(text: str) -> str:
    """Return a line of text: one that begins like a macro is none."""
    return r"\&" + _plain(text) if text[:1] in (".", "'") else _plain(text)


if __name__ == "__main__":
    print(*page(), sep="\n")
