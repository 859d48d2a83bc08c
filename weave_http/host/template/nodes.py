"""The nodes of a parsed template."""

from __future__ import annotations

from weave_http.errors import UsageError
from weave_http.hints import Any
from weave_http.records import dataclass


class TemplateError(UsageError):
    """The template is no template, or does not fit the data."""


@dataclass(frozen=True, slots=True)
class Block:
    """`if`, `range` or `with`."""

    word: str
    names: tuple[str, ...]
    pipe: Pipe
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Print:
    """`{{pipe}}` or `{{$name := pipe}}`."""

    name: str
    pipe: Pipe


@dataclass(frozen=True, slots=True)
class Pipe:
    commands: tuple[tuple[Term, ...], ...]


@dataclass(frozen=True, slots=True)
class Term:
    """A constant, a path from the dot or a variable, a function's name, or a pipe in parentheses."""

    kind: str
    value: Any
    path: tuple[str, ...] = ()


Node = str | Block | Print
