"""The words of a command line as flags and values: by one dash or two, `-flag value` or `-flag=value`, as in Go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from weave_http.errors import UsageError
from weave_http.hints import Any
from weave_http.operations.flag_values import switch
from weave_http.operations.flags import ALIASES, Flag


def read(words: Sequence[str], table: Iterable[Flag]) -> tuple[dict[str, Any], list[str]]:
    """Return the values of all flags of a table by name, given or default, and the words that follow the flags.

    Raises:
        UsageError: a flag that is not in the table, or a value that makes no sense.
    """
    by_name = {flag.name: flag for flag in table}
    found, rest = split(words, {flag.name: not flag.metavar for flag in by_name.values()})
    values = {flag.name: flag.default if flag.metavar else bool(flag.default) for flag in by_name.values()}
    for name, text in gathered(found, by_name).items():
        values[name] = by_name[name].read(text) if by_name[name].metavar else text == "true"
    return values, rest


def gathered(found: Iterable[tuple[str, str]], table: Mapping[str, Flag]) -> dict[str, str]:
    """Return the text of each flag by name: the last one; of a flag that may be given again all, with commas."""
    texts: dict[str, str] = {}
    for name, text in found:
        again = name in texts and name in table and table[name].repeated
        texts[name] = f"{texts[name]},{text}" if again else text
    return texts


def split(words: Sequence[str], switches: Mapping[str, bool]) -> tuple[list[tuple[str, str]], list[str]]:
    """Return flags as names and texts, and the words that follow the last flag.

    Args:
        words: flags by one dash or two, `-flag value` or `-flag=value`, then the others.
        switches: which flags there are, by name, and whether each is a switch.

    Raises:
        UsageError: a flag that there is none of, one without its value, or a switch that is neither on nor off.
    """
    found: list[tuple[str, str]] = []
    rest = list(words)
    while rest and len(rest[0]) > 1 and rest[0].startswith("-"):
        word = rest.pop(0)
        if word == "--":
            break
        name, equals, text = word.lstrip("-").partition("=")
        name = ALIASES.get(name, name)
        if name not in switches:
            raise UsageError(f"unknown option {word!r}")
        if switches[name]:
            text = "true" if switch(word, text if equals else "true") else "false"
        elif not equals:
            if not rest:
                raise UsageError(f"option {word!r} needs a value")
            text = rest.pop(0)
        found.append((name, text))
    return found, rest
