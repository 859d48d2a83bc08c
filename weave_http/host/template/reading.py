"""Parses a template: text in, nodes out."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from weave_http.host.template.functions import FUNCTIONS
from weave_http.host.template.nodes import Block, Node, Pipe, Print, TemplateError, Term

DEEPEST = 50
"""Blocks, or parentheses, inside of each other."""

_ACTION = re.compile(r"\{\{(- )?(.*?)( -)?\}\}", re.DOTALL)
_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\\n]|\\.)*"|`[^`]*`)|(?P<number>-?\d+(?:\.\d+)?)(?![\w.])|(?P<field>(?:\$\w*)?(?:\.\w+)+)"""
    r"""|(?P<variable>\$\w*)|(?P<dot>\.)|(?P<word>\w+)|(?P<mark>:=|[|(),=]))""",
    re.VERBOSE,
)


def read(template: str) -> tuple[Node, ...]:
    """Return what a template is made of.

    Raises:
        TemplateError: it is none.
    """
    return _Parser(template).nodes


class _Parser:
    def __init__(self, template: str) -> None:
        self._items = _split(template)
        self._at = 0
        nodes, end = self._nodes(0)
        if end:
            raise TemplateError(f"template: unexpected {{{{{end}}}}}")
        self.nodes = nodes

    def _nodes(self, depth: int) -> tuple[tuple[Node, ...], str]:
        """Read up to the end of the block; return what ended it: `end`, `else…` or nothing."""
        if depth > DEEPEST:
            raise TemplateError(f"template: more than {DEEPEST} blocks inside of each other")
        nodes: list[Node] = []
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

    def _block(self, word: str, header: str, depth: int) -> Block:
        tokens = _Tokens(header)
        names = tokens.names(2 if word == "range" else 1)
        pipe = tokens.pipe()
        tokens.finish()
        body, end = self._nodes(depth + 1)
        otherwise: tuple[Node, ...] = ()
        if end.startswith("else"):
            following, _, rest = end[4:].strip().partition(" ")
            if following == "if":
                return Block(word, names, pipe, body, (self._block("if", rest, depth + 1),))
            if following:
                raise TemplateError(f"template: unexpected {following!r} after else")
            otherwise, end = self._nodes(depth + 1)
        if end != "end":
            raise TemplateError(f"template: {{{{{word}}}}} has no {{{{end}}}}")
        return Block(word, names, pipe, body, otherwise)


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


def _action(text: str) -> Print:
    tokens = _Tokens(text)
    names = tokens.names(1)
    pipe = tokens.pipe()
    tokens.finish()
    return Print(names[0] if names else "", pipe)


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

    def pipe(self) -> Pipe:
        """Take commands with pipes between them."""
        commands: list[tuple[Term, ...]] = []
        terms: list[Term] = []
        while self._tokens and self._tokens[0][1] != ")":
            kind, text = self._tokens.pop(0)
            if (kind, text) == ("mark", "|"):
                commands.append(self._command(terms))
                terms = []
                continue
            terms.append(self._term(kind, text))
        return Pipe((*commands, self._command(terms)))

    def _command(self, terms: Sequence[Term]) -> tuple[Term, ...]:
        if not terms:
            raise TemplateError("template: missing value for command")
        if len(terms) > 1 and terms[0].kind != "function":
            raise TemplateError("template: can't give arguments to a value that is no function")
        return tuple(terms)

    def _term(self, kind: str, text: str) -> Term:
        if kind == "text":
            return Term("constant", _unquoted(text))
        if kind == "number":
            return Term("constant", float(text) if "." in text else int(text))
        if kind == "field":
            start, *path = text.split(".")
            return Term("variable" if start else "dot", start, tuple(path))
        if kind in ("variable", "dot"):
            return Term(kind, text)
        if text in ("true", "false", "nil"):
            return Term("constant", {"true": True, "false": False, "nil": None}[text])
        if kind == "word":
            if text not in FUNCTIONS and text not in ("and", "or"):
                raise TemplateError(f"template: function {text!r} not defined")
            return Term("function", text)
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
        return Term("pipe", inner, after)

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
