"""How templates print values, and the functions that templates may call."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence

from weave_http.hints import Any

MISSING = "<no value>"
_VERB = re.compile(r"%%|%[svdqtf]")


def true(value: object) -> bool:
    """Tell whether `if` takes a value for true: all but false, 0, nil and what is empty."""
    return bool(value)


def shown(value: object) -> str:
    """Return a value as Go prints it."""
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return f"map[{' '.join(f'{key}:{shown(value[key])}' for key in sorted(value))}]"
    if isinstance(value, list | tuple):
        return f"[{' '.join(map(shown, value))}]"
    return str(value)


def few(values: Sequence[object]) -> str:
    text = ", ".join(json.dumps(value, default=str) for value in values)
    return f"{text[:40]}…" if len(text) > 40 else text or "nothing"


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _index(value: Any, *keys: Any) -> object:
    for key in keys:
        if isinstance(value, list) and (isinstance(key, bool) or not isinstance(key, int) or key < 0):
            raise TypeError
        value = value.get(key, MISSING) if isinstance(value, Mapping) else value[key]
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
