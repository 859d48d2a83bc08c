"""The options that docker has before its commands, read as docker reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from typer.core import TyperGroup

from weave_http.errors import UsageError

_SHORT = {"-H": "--host", "-c": "--context"}
_VALUED = frozenset({*_SHORT, *_SHORT.values(), "--config", "--tlscacert", "--tlscert", "--tlskey", "--calls"})
_SWITCHES = frozenset({"--tls", "--tlsverify"})
_BOOLEANS = dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True) | dict.fromkeys(
    ("0", "f", "F", "false", "FALSE", "False"), False
)


class DockerOptions(TyperGroup):
    """The group of all commands, whose own options may be spelled as docker's: `--tls=false`, `-H=ENDPOINT`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the options before the command."""
        return super().parse_args(ctx, list(spelled_out(args)))


def spelled_out(words: Iterable[str]) -> Iterator[str]:
    """Yield the words of a command line, with switches as options that have a value, and `-H=X` as `--host=X`."""
    words = iter(words)
    for word in words:
        if word in _VALUED:
            yield word
            yield from islice(words, 1)
        elif word in _SWITCHES:
            yield f"{word}=true"
        elif word[:2] in _SHORT and word[2:3] == "=" and word[3:]:
            yield f"{_SHORT[word[:2]]}={word[3:]}"
        else:
            yield word
            if not word.startswith("-") or word == "--":  # what follows is the command's
                yield from words


def switch(name: str, text: str | None) -> bool | None:
    """Return what a switch says, None if it was not given.

    Raises:
        UsageError: neither true nor false.
    """
    if text is None:
        return None
    if text not in _BOOLEANS:
        raise UsageError(f"{name}={text} is neither true nor false", hint=f"write {name} or {name}=false")
    return _BOOLEANS[text]


def unquoted(text: str | None) -> str | None:
    """Return a path without the quotes around it, which a file of variables or a unit of systemd may have left."""
    if text and len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    return text


def only(name: str, values: Sequence[str] | None) -> str | None:
    """Return the value of an option that may be given once.

    Raises:
        UsageError: it was given again.
    """
    if values and len(values) > 1:
        raise UsageError(f"{name} is given {len(values)} times", hint="a command goes to one Docker host")
    return values[0] if values else None
