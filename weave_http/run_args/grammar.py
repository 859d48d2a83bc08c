"""How docker reads options: pflag's grammar, without interspersed arguments.

`--name value`, `--name=value`, `-n value`, `-nvalue`, `-n=value`, bundles like `-it`; a switch takes a value only
by `=`. The first word that is no option is the image, and all after it belongs to the container. `--` ends options.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from weave_http.records import dataclass
from weave_http.run_args.kinds import FALSE, TRUE, ValueKind
from weave_http.run_args.option import Option
from weave_http.run_args.wrong import RunArgumentError


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An option as it was given, and its text (`true` or `false` for a switch)."""

    option: Option
    value: str

    @property
    def name(self) -> str:
        """The option's long name."""
        return self.option.name


@dataclass(frozen=True, slots=True)
class ParsedLine:
    """A parsed line: options in the order given, then the image and the container's own words."""

    options: tuple[Occurrence, ...]
    rest: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OptionIndex:
    """The options there are, by what they are called."""

    long: Mapping[str, Option]
    short: Mapping[str, Option]

    @classmethod
    def of(cls, table: Iterable[Option]) -> OptionIndex:
        """Index a table; an alias is the option that it stands for."""
        options = tuple(table)
        long = {name: option for option in options for name in (option.name, *option.aliases)}
        return cls(long, {option.short: option for option in options if option.short})


def split(argv: Sequence[str], names: OptionIndex) -> ParsedLine:
    """Split a line into options and the rest.

    Args:
        argv: the words after `docker run`.
        names: the options there are.

    Raises:
        RunArgumentError: unknown option, missing value, or a switch with a value that is no boolean.
    """
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
        read = _long if word.startswith("--") else _bundle
        index += read(word, following, names, found)
    return ParsedLine(tuple(found), tuple(argv[index:]))


def _long(word: str, following: str | None, names: OptionIndex, found: list[Occurrence]) -> int:
    """Read `--name…`; return how many of the following words it took."""
    name, equals, value = word[2:].partition("=")
    if not name or name.startswith("-"):
        raise RunArgumentError(f"{word!r} is no option", hint="they are spelled --name or --name=value")
    option = names.long.get(name)
    if option is None:
        raise RunArgumentError(f"unknown option --{_printable(name)}")
    if option.kind is ValueKind.SWITCH:
        found.append(_switch(option, value if equals else "true"))
        return 0
    if equals:
        found.append(Occurrence(option, value))
        return 0
    if following is None:
        raise RunArgumentError(f"--{name} needs a value")
    found.append(Occurrence(option, following))
    return 1


def _bundle(word: str, following: str | None, names: OptionIndex, found: list[Occurrence]) -> int:
    """Read `-abc…`; return how many of the following words it took."""
    letters = word[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        option = names.short.get(letter)
        if option is None:
            raise RunArgumentError(f"unknown option -{_printable(letter)} in {_printable(word)}")
        if option.kind is ValueKind.SWITCH:
            if len(letters) > 1 and letters[0] == "=":
                found.append(_switch(option, letters[1:]))
                return 0
            found.append(Occurrence(option, "true"))
            continue
        if len(letters) > 1 and letters[0] == "=":
            letters = letters[1:]
        if letters:
            found.append(Occurrence(option, letters))
            return 0
        if following is None:
            raise RunArgumentError(f"{option.shown} needs a value, at the end of {_printable(word)}")
        found.append(Occurrence(option, following))
        return 1
    return 0


def _switch(option: Option, value: str) -> Occurrence:
    if value in TRUE:
        return Occurrence(option, "true")
    if value in FALSE:
        return Occurrence(option, "false")
    raise RunArgumentError(f"invalid value {value!r} for {option.shown}: expected true or false")


def _printable(text: str) -> str:
    return text if text.isprintable() else repr(text)
