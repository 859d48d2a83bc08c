"""What the value of an option is: how it is read, how it is written, and what comes of several."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

from weave_http.run_args import scalars
from weave_http.run_args.wrong import BadValue

TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
"""What a switch may be set to."""


class ValueKind(Enum):
    """The value of an option, by docker's own words for it."""

    SWITCH = "switch"
    TEXT = "string"
    INT = "int"
    UINT16 = "uint16"
    UINT64 = "uint64"
    BYTES = "bytes"
    DURATION = "duration"
    DECIMAL = "decimal"
    LIST = "list"
    MAP = "map"

    @property
    def many(self) -> bool:
        """Whether an option may be given several times, each of which counts. Else the last one does."""
        return self in (ValueKind.LIST, ValueKind.MAP)


def pair(text: str) -> tuple[str, str]:
    """Return key and value of `key=value`; without `=` the value is empty."""
    key, _, value = text.partition("=")
    return key, value


def full_pair(text: str) -> tuple[str, str]:
    """Return key and value of `key=value`."""
    if "=" not in text:
        raise BadValue("expected key=value")
    return pair(text)


def verbatim(text: str) -> str:
    """Return a text as it is."""
    return text


def int64(text: str) -> int:
    """Return a whole number as Go writes them."""
    return scalars.integer(text, -(2**63), 2**63 - 1)


def uint16(text: str) -> int:
    """Return a whole number from 0 to 65535."""
    return scalars.integer(text, 0, 2**16 - 1)


def uint64(text: str) -> int:
    """Return a whole number that is not negative."""
    return scalars.integer(text, 0, 2**64 - 1)


READ: dict[ValueKind, Callable[[str], Any]] = {
    ValueKind.SWITCH: lambda text: text == "true",
    ValueKind.TEXT: verbatim,
    ValueKind.INT: int64,
    ValueKind.UINT16: uint16,
    ValueKind.UINT64: uint64,
    ValueKind.BYTES: scalars.size,
    ValueKind.DURATION: scalars.duration,
    ValueKind.DECIMAL: scalars.nano,
    ValueKind.LIST: verbatim,
    ValueKind.MAP: pair,
}
"""How a kind's text is read, unless its option has a language of its own."""

WRITE: dict[ValueKind, Callable[[Any], list[str]]] = {
    ValueKind.SWITCH: lambda value: ["true" if value else "false"],
    ValueKind.TEXT: lambda value: [str(value)],
    ValueKind.INT: lambda value: [str(value)],
    ValueKind.UINT16: lambda value: [str(value)],
    ValueKind.UINT64: lambda value: [str(value)],
    ValueKind.BYTES: lambda value: [scalars.size_text(value)],
    ValueKind.DURATION: lambda value: [scalars.duration_text(value)],
    ValueKind.DECIMAL: lambda value: [scalars.nano_text(value)],
    ValueKind.LIST: list,
    ValueKind.MAP: lambda value: [f"{key}={item}" for key, item in value.items()],
}
"""The texts that a value of a body comes from: the other way round."""
