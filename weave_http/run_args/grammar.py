"""How docker reads options: pflag's grammar, without interspersed arguments.

`--name value`, `--name=value`, `-n value`, `-nvalue`, `-n=value`, bundles like `-it`; a switch takes a value only
by `=`. The first word that is no option is the image, and all after it belongs to the container. `--` ends options.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from weave_http.errors import EngineError

TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})


class RunArgumentError(EngineError):
    """The arguments make no `docker run` line that weave understands; exit 125, as docker's own."""


class Kind(Enum):
    """What a value of an option is."""

    SWITCH = "switch"
    VALUE = "value"


@dataclass(frozen=True, slots=True)
class Option:
    """One option of `docker run`.

    Args:
        name: long name without dashes.
        kind: whether it takes a value.
        short: one letter, or empty.
    """

    name: str
    kind: Kind
    short: str = ""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An option as it was given: its long name and its text (`true` or `false` for a switch)."""

    name: str
    value: str

    @property
    def on(self) -> bool:
        """The value of a switch."""
        return self.value == "true"


@dataclass(frozen=True, slots=True)
class Words:
    """A parsed line: options in the order given, then the image and the container's own words."""

    options: tuple[Occurrence, ...]
    rest: tuple[str, ...]


def split(argv: Sequence[str], table: Sequence[Option]) -> Words:
    """Split a line into options and the rest.

    Args:
        argv: the words after `docker run`.
        table: the options there are.

    Raises:
        RunArgumentError: unknown option, missing value, or a switch with a value that is no boolean.
    """
    long = {option.name: option for option in table}
    short = {option.short: option for option in table if option.short}
    found: list[Occurrence] = []
    index = 0
    while index < len(argv):
        word = argv[index]
        if word == "--":
            index += 1
            break
        if not word.startswith("-") or word == "-":
            break
        index += 1
        following = argv[index] if index < len(argv) else None
        taken = _long(word, following, long, found) if word.startswith("--") else _bundle(word, following, short, found)
        index += taken
    return Words(tuple(found), tuple(argv[index:]))


def _long(word: str, following: str | None, table: Mapping[str, Option], found: list[Occurrence]) -> int:
    """Read `--name…`; return how many of the following words it took."""
    name, equals, value = word[2:].partition("=")
    if not name or name.startswith("-"):
        raise RunArgumentError(f"bad flag syntax: {word}")
    option = table.get(name)
    if option is None:
        raise RunArgumentError(f"weave run does not know the option --{name}")
    if option.kind is Kind.SWITCH:
        found.append(_switch(option, value if equals else "true", f"--{name}"))
        return 0
    if equals:
        found.append(Occurrence(option.name, value))
        return 0
    if following is None:
        raise RunArgumentError(f"flag needs an argument: --{name}")
    found.append(Occurrence(option.name, following))
    return 1


def _bundle(word: str, following: str | None, table: Mapping[str, Option], found: list[Occurrence]) -> int:
    """Read `-abc…`; return how many of the following words it took."""
    letters = word[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        option = table.get(letter)
        if option is None:
            raise RunArgumentError(f"weave run does not know the option -{letter} in {word}")
        if option.kind is Kind.SWITCH:
            if letters.startswith("="):
                found.append(_switch(option, letters[1:], f"-{letter}"))
                return 0
            found.append(Occurrence(option.name, "true"))
            continue
        if letters:
            found.append(Occurrence(option.name, letters.removeprefix("=")))
            return 0
        if following is None:
            raise RunArgumentError(f"flag needs an argument: -{letter} in {word}")
        found.append(Occurrence(option.name, following))
        return 1
    return 0


def _switch(option: Option, value: str, shown: str) -> Occurrence:
    if value in TRUE:
        return Occurrence(option.name, "true")
    if value in FALSE:
        return Occurrence(option.name, "false")
    raise RunArgumentError(f"invalid argument {value!r} for {shown}: expected true or false")
