"""Fills a parsed template with data: nodes and JSON values in, text out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from weave_http.host.template.functions import FUNCTIONS, MISSING, few, shown, true
from weave_http.host.template.nodes import Block, Node, Pipe, TemplateError, Term
from weave_http.records import dataclass, field

MOST_STEPS = 200_000
"""Nodes that may be evaluated: a loop in a loop in a loop must end."""
LONGEST_RESULT = 8 * 1024 * 1024
"""Characters that may come of it."""
_CHARACTERS_A_STEP = 64
"""A function that makes a long text is as much work as many short ones."""


def fill(nodes: Iterable[Node], data: object) -> str:
    """Return what nodes come to.

    Args:
        data: what JSON can say.

    Raises:
        TemplateError: the data is not what the template takes it for, or there is too much to do.
    """
    run = _Run(data)
    run.show(nodes, data)
    return "".join(run.parts)


@dataclass(slots=True)
class _Run:
    root: object
    parts: list[str] = field(default_factory=list)
    steps: int = 0
    length: int = 0
    variables: list[tuple[str, object]] = field(default_factory=list)

    def show(self, nodes: Iterable[Node], dot: object) -> None:
        """Write what nodes come to."""
        for node in nodes:
            self._step()
            if isinstance(node, str):
                self._write(node)
            elif isinstance(node, Block):
                known = len(self.variables)
                self._block(node, dot)
                del self.variables[known:]
            elif node.name:
                self.variables.append((node.name, self._value(node.pipe, dot)))
            else:
                self._write(shown(self._value(node.pipe, dot)))

    def _block(self, block: Block, dot: object) -> None:
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

    def _value(self, pipe: Pipe, dot: object) -> object:
        value: tuple[object, ...] = ()
        for command in pipe.commands:
            value = (self._command(command, dot, value),)
        return value[0]

    def _command(self, terms: Sequence[Term], dot: object, last: tuple[object, ...]) -> object:
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
            raise TemplateError(f"template: {first.value} can't take {few(arguments)}") from error
        self._step(len(made) // _CHARACTERS_A_STEP if isinstance(made, str) else 0)
        return made

    def _term(self, term: Term, dot: object) -> object:
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
        return value.get(name, MISSING)
    raise TemplateError(f"template: can't evaluate field {name}")


def _items(value: object) -> list[tuple[object, object]]:
    if value is None:
        return []
    if isinstance(value, Mapping):
        return [(key, value[key]) for key in sorted(value)]
    if isinstance(value, list):
        return list(enumerate(value))
    raise TemplateError(f"template: range can't iterate over {few([value])}")
