"""Go's templates, as far as people write them for `weave report -f`: text with `{{…}}` in it, filled from JSON.

There are field access (`.Router.Name`, `$.Name`), variables, pipes, parentheses, `if`, `range` and `with`, comments,
trim marks, and the functions `json index len print printf eq ne lt le gt ge and or not`. A template comes from outside,
so its size, depth and work are limited.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from weave_http.errors import UsageError

LONGEST = 64 * 1024
"""Characters that a template may have."""
MOST_STEPS = 200_000
"""Nodes that may be evaluated: a loop in a loop in a loop must end."""
LONGEST_RESULT = 8 * 1024 * 1024
"""Characters that may come of it."""
_CHARACTERS_A_STEP = 64
"""A function that makes a long text is as much work as many short ones."""
DEEPEST = 50
"""Blocks, or parentheses, inside of each other."""

_ACTION = re.compile(r"\{\{(- )?(.*?)( -)?\}\}", re.DOTALL)
_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\\n]|\\.)*"|`[^`]*`)|(?P<number>-?\d+(?:\.\d+)?)(?![\w.])|(?P<field>(?:\$\w*)?(?:\.\w+)+)"""
    r"""|(?P<variable>\$\w*)|(?P<dot>\.)|(?P<word>\w+)|(?P<mark>:=|[|(),=]))""",
    re.VERBOSE,
)
_VERB = re.compile(r"%%|%[svdqtf]")
_MISSING = "<no value>"


class TemplateError(UsageError):
    """The template is no template, or does not fit the data."""


def render(template: str, data: object) -> str:
    """Fill a template.

    Args:
        template: as for Go's text/template.
        data: what JSON can say.

    Raises:
        TemplateError: it can't be done.
    """
    if len(template) > LONGEST:
        raise TemplateError(f"the template is longer than {LONGEST} characters")
    nodes = _Parser(template).nodes
    run = _Run(data)
    run.show(nodes, data)
    return "".join(run.parts)


# -- what a template is made of ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Block:
    """`if`, `range` or `with`."""

    word: str
    names: tuple[str, ...]
    pipe: _Pipe
    body: tuple[_Node, ...]
    otherwise: tuple[_Node, ...]


@dataclass(frozen=True, slots=True)
class _Print:
    """`{{pipe}}` or `{{$name := pipe}}`."""

    name: str
    pipe: _Pipe


@dataclass(frozen=True, slots=True)
class _Pipe:
    commands: tuple[tuple[_Term, ...], ...]


@dataclass(frozen=True, slots=True)
class _Term:
    """A constant, a path from the dot or a variable, a function's name, or a pipe in parentheses."""

    kind: str
    value: Any
    path: tuple[str, ...] = ()


_Node = str | _Block | _Print


# -- reading -------------------------------------------------------------------------------------------


class _Parser:
    def __init__(self, template: str) -> None:
        self._items = _split(template)
        self._at = 0
        nodes, end = self._nodes(0)
        if end:
            raise TemplateError(f"template: unexpected {{{{{end}}}}}")
        self.nodes = nodes

    def _nodes(self, depth: int) -> tuple[tuple[_Node, ...], str]:
        """Read up to the end of the block; return what ended it: `end`, `else…` or nothing."""
        if depth > DEEPEST:
            raise TemplateError(f"template: more than {DEEPEST} blocks inside of each other")
        nodes: list[_Node] = []
        while self._at < len(self._items):
            is_action, text = self._items[self._at]
            self._at += 1
            if not is_action:
                nodes.append(text)
                continue
            word, _, rest = text.strip().partition(" ")
            if word == "end" or word == "else":
                return tuple(nodes), text.strip()
            nodes.append(self._block(word, rest, depth) if word in ("if", "range", "with") else _action(text))
        return tuple(nodes), ""

    def _block(self, word: str, header: str, depth: int) -> _Block:
        tokens = _Tokens(header)
        names = tokens.names(2 if word == "range" else 1)
        pipe = tokens.pipe()
        tokens.finish()
        body, end = self._nodes(depth + 1)
        otherwise: tuple[_Node, ...] = ()
        if end.startswith("else"):
            following, _, rest = end[4:].strip().partition(" ")
            if following == "if":
                return _Block(word, names, pipe, body, (self._block("if", rest, depth + 1),))
            if following:
                raise TemplateError(f"template: unexpected {following!r} after else")
            otherwise, end = self._nodes(depth + 1)
        if end != "end":
            raise TemplateError(f"template: {{{{{word}}}}} has no {{{{end}}}}")
        return _Block(word, names, pipe, body, otherwise)


def _split(template: str) -> list[tuple[bool, str]]:
    """Return text and actions, the latter marked, comments left out and trim marks obeyed."""
    items: list[tuple[bool, str]] = []
    at, trim = 0, False
    for match in _ACTION.finditer(template):
        before = template[at : match.start()]
        before = before.lstrip() if trim else before
        items.append((False, before.rstrip() if match[1] else before))
        action = match[2]
        if not action.strip().startswith("/*"):
            items.append((True, action))
        at, trim = match.end(), bool(match[3])
    rest = template[at:].lstrip() if trim else template[at:]
    if "{{" in rest:
        raise TemplateError("template: unclosed action, expected }}")
    return [*((is_action, text) for is_action, text in items if is_action or text), *([(False, rest)] if rest else [])]


def _action(text: str) -> _Print:
    tokens = _Tokens(text)
    names = tokens.names(1)
    pipe = tokens.pipe()
    tokens.finish()
    return _Print(names[0] if names else "", pipe)


class _Tokens:
    """The words of one action."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        self._depth = 0
        text, at = text.strip(), 0
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None or match.lastgroup is None:
                raise TemplateError(f"template: unexpected {text[at:].split()[0][:20]!r}")
            self._tokens.append((match.lastgroup, match[match.lastgroup]))
            at = match.end()

    def names(self, most: int) -> tuple[str, ...]:
        """Take `$a :=` or `$a, $b :=`."""
        texts = [text for _, text in self._tokens]
        for assign in (":=", "="):
            if assign in texts[: 2 * most]:
                names, self._tokens = texts[: texts.index(assign) : 2], self._tokens[texts.index(assign) + 1 :]
                if all(name.startswith("$") and name != "$" for name in names) and len(names) <= most:
                    return tuple(names)
                raise TemplateError(f"template: can't assign to {names[0] if names else assign!r}")
        return ()

    def pipe(self) -> _Pipe:
        """Take commands with pipes between them."""
        commands: list[tuple[_Term, ...]] = []
        terms: list[_Term] = []
        while self._tokens and self._tokens[0][1] != ")":
            kind, text = self._tokens.pop(0)
            if (kind, text) == ("mark", "|"):
                commands.append(self._command(terms))
                terms = []
                continue
            terms.append(self._term(kind, text))
        return _Pipe((*commands, self._command(terms)))

    def _command(self, terms: Sequence[_Term]) -> tuple[_Term, ...]:
        if not terms:
            raise TemplateError("template: missing value for command")
        if len(terms) > 1 and terms[0].kind != "function":
            raise TemplateError("template: can't give arguments to a value that is no function")
        return tuple(terms)

    def _term(self, kind: str, text: str) -> _Term:
        if kind == "text":
            return _Term("constant", _unquoted(text))
        if kind == "number":
            return _Term("constant", float(text) if "." in text else int(text))
        if kind == "field":
            start, *path = text.split(".")
            return _Term("variable" if start else "dot", start, tuple(path))
        if kind in ("variable", "dot"):
            return _Term(kind, text)
        if text in ("true", "false", "nil"):
            return _Term("constant", {"true": True, "false": False, "nil": None}[text])
        if kind == "word":
            if text not in FUNCTIONS and text not in ("and", "or"):
                raise TemplateError(f"template: function {text!r} not defined")
            return _Term("function", text)
        if text != "(":
            raise TemplateError(f"template: unexpected {text!r}")
        self._depth += 1
        if self._depth > DEEPEST:
            raise TemplateError(f"template: more than {DEEPEST} parentheses inside of each other")
        inner = self.pipe()
        if not self._tokens:
            raise TemplateError("template: unclosed parenthesis")
        self._tokens.pop(0)
        self._depth -= 1
        after: tuple[str, ...] = ()
        if self._tokens and self._tokens[0][0] == "field" and self._tokens[0][1].startswith("."):
            after = tuple(self._tokens.pop(0)[1].split(".")[1:])
        return _Term("pipe", inner, after)

    def finish(self) -> None:
        """Raise `TemplateError` if there is more."""
        if self._tokens:
            raise TemplateError(f"template: unexpected {self._tokens[0][1]!r}")


def _unquoted(text: str) -> str:
    if text.startswith("`"):
        return text[1:-1]
    try:
        return str(json.loads(text))
    except ValueError as error:
        raise TemplateError(f"template: invalid string {text}") from error


# -- filling -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Run:
    root: object
    parts: list[str] = field(default_factory=list)
    steps: int = 0
    length: int = 0
    variables: list[tuple[str, object]] = field(default_factory=list)

    def show(self, nodes: Iterable[_Node], dot: object) -> None:
        """Write what nodes come to."""
        for node in nodes:
            self._step()
            if isinstance(node, str):
                self._write(node)
            elif isinstance(node, _Block):
                known = len(self.variables)
                self._block(node, dot)
                del self.variables[known:]
            elif node.name:
                self.variables.append((node.name, self._value(node.pipe, dot)))
            else:
                self._write(shown(self._value(node.pipe, dot)))

    def _block(self, block: _Block, dot: object) -> None:
        value = self._value(block.pipe, dot)
        if block.word != "range":
            self.variables += [(name, value) for name in block.names]
            inner = value if block.word == "with" else dot
            self.show(block.body if true(value) else block.otherwise, inner if true(value) else dot)
            return
        items = _items(value)
        for key, item in items:
            known = len(self.variables)
            self.variables += list(zip(block.names, [key, item][2 - len(block.names) :], strict=True))
            self.show(block.body, item)
            del self.variables[known:]
        if not items:
            self.show(block.otherwise, dot)

    def _value(self, pipe: _Pipe, dot: object) -> object:
        value: tuple[object, ...] = ()
        for command in pipe.commands:
            value = (self._command(command, dot, value),)
        return value[0]

    def _command(self, terms: Sequence[_Term], dot: object, last: tuple[object, ...]) -> object:
        self._step()
        first, *rest = terms
        if first.kind != "function":
            if last:
                raise TemplateError("template: can't pipe into a value that is no function")
            return self._term(first, dot)
        if first.value in ("and", "or"):
            result: object = None
            for result in (*(self._term(term, dot) for term in rest), *last):
                if true(result) == (first.value == "or"):
                    break
            return result
        arguments = [*(self._term(term, dot) for term in rest), *last]
        try:
            made = FUNCTIONS[first.value](*arguments)
        except (TypeError, ValueError, LookupError) as error:
            raise TemplateError(f"template: {first.value} can't take {_few(arguments)}") from error
        self._step(len(made) // _CHARACTERS_A_STEP if isinstance(made, str) else 0)
        return made

    def _term(self, term: _Term, dot: object) -> object:
        self._step()
        match term.kind:
            case "constant":
                return term.value
            case "function":
                return self._command([term], dot, ())
            case "pipe":
                value = self._value(term.value, dot)
            case "variable":
                value = self._variable(term.value)
            case _:
                value = dot
        for name in term.path:
            value = _field(value, name)
        return value

    def _variable(self, name: str) -> object:
        if name == "$":
            return self.root
        for known, value in reversed(self.variables):
            if known == name:
                return value
        raise TemplateError(f"template: undefined variable {name!r}")

    def _step(self, also: int = 0) -> None:
        self.steps += 1 + also
        if self.steps > MOST_STEPS:
            raise TemplateError("template: it goes on for too long")

    def _write(self, text: str) -> None:
        self.length += len(text)
        if self.length > LONGEST_RESULT:
            raise TemplateError("template: its result is too long")
        self.parts.append(text)


def _field(value: object, name: str) -> object:
    """Names in capitals are fields, which there must be; others are keys, which there may be."""
    if isinstance(value, Mapping) and (name in value or not name[0].isupper()):
        return value.get(name, _MISSING)
    raise TemplateError(f"template: can't evaluate field {name}")


def _items(value: object) -> list[tuple[object, object]]:
    if value is None:
        return []
    if isinstance(value, Mapping):
        return [(key, value[key]) for key in sorted(value)]
    if isinstance(value, list):
        return list(enumerate(value))
    raise TemplateError(f"template: range can't iterate over {_few([value])}")


def true(value: object) -> bool:
    """Tell whether `if` takes a value for true: all but false, 0, nil and what is empty."""
    return bool(value)


def shown(value: object) -> str:
    """Return a value as Go prints it."""
    if value is None:
        return _MISSING
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return f"map[{' '.join(f'{key}:{shown(value[key])}' for key in sorted(value))}]"
    if isinstance(value, list | tuple):
        return f"[{' '.join(map(shown, value))}]"
    return str(value)


def _few(values: Sequence[object]) -> str:
    text = ", ".join(json.dumps(value, default=str) for value in values)
    return f"{text[:40]}…" if len(text) > 40 else text or "nothing"


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _index(value: Any, *keys: Any) -> object:
    for key in keys:
        if isinstance(value, list) and (isinstance(key, bool) or not isinstance(key, int) or key < 0):
            raise TypeError
        value = value.get(key, _MISSING) if isinstance(value, Mapping) else value[key]
    return value


def _len(value: Any) -> int:
    return len(value.encode()) if isinstance(value, str) else len(value)


def _print(*values: object) -> str:
    return " ".join(map(shown, values))


def _printf(text: str, *values: object) -> str:
    rest = list(values)

    def verb(match: re.Match[str]) -> str:
        if match[0] == "%%":
            return "%"
        value = rest.pop(0)
        return json.dumps(value) if match[0] == "%q" else shown(value)

    return _VERB.sub(verb, text)


def _equal(first: object, *others: object) -> bool:
    if not others:
        raise TypeError
    return first in others


FUNCTIONS: dict[str, Callable[..., object]] = {
    "json": _json,
    "index": _index,
    "len": _len,
    "print": _print,
    "printf": _printf,
    "eq": _equal,
    "ne": lambda one, other: one != other,
    "lt": lambda one, other: one < other,
    "le": lambda one, other: one <= other,
    "gt": lambda one, other: one > other,
    "ge": lambda one, other: one >= other,
    "not": lambda value: not true(value),
}
