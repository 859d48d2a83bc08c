"""A create call as the `docker run` line that sends the same.

The inverse of `weave_http.run_args.parse`, by the same table: each option knows the values that a body comes from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from weave_http.run_args.kinds import ValueKind
from weave_http.run_args.option import Option
from weave_http.run_args.streams import is_attached
from weave_http.run_args.table import OPTIONS
from weave_http.transcript.masking import masked
from weave_http.transcript.quoting import shown_word

_COMMON = ("rm", "detach", "interactive", "tty", "name", "hostname", "volume", "env", "label", "publish", "network")
"""What people write first, in this order; the rest follows in the order of the table."""
_SHORT_IS_KNOWN = frozenset("deilptvuwm")
"""Letters that people know by heart; any other option is easier to read by its name."""


def docker_run(
    config: Mapping[str, Any], name: str, *, throw_away: bool, start: bool = True, show_secrets: bool = False
) -> list[str]:
    """Return the words of a `docker run` line, or of a `docker create` line.

    What no option can say is left out. In place of a seccomp profile, which the body has in full, stands the name of a
    file; `weave_http.run_args.security.profiles` has what would be in it.

    Args:
        config: body of the create call. If nobody listens to the container's streams, the line has `-d`.
        name: the container's name, or empty.
        throw_away: the container is removed when it ends, whoever does it.
        start: whether it is started.
        show_secrets: leave passwords as they are.
    """
    shown: Mapping[str, Any] = config if show_secrets else masked(config)
    image = str(shown["Image"])
    return [
        "docker",
        "run" if start else "create",
        *options(shown, name, throw_away=throw_away, start=start),
        *(["--"] if image.startswith("-") and image != "-" else []),
        image,
        *(shown.get("Entrypoint") or [])[1:],
        *(shown.get("Cmd") or ()),
    ]


def options(config: Mapping[str, Any], name: str, *, throw_away: bool, start: bool = True) -> Iterator[str]:
    """Yield the options of a line; see `docker_run`."""
    around = {
        "name": [name] if name else [],
        "detach": ["true"] if start and not throw_away and not is_attached(config) else [],
    }
    for option in _ORDERED:
        values = around[option.name] if option.name in around else list(option.values(config))
        if option.name == "rm" and throw_away:
            values = ["true"]
        for value in values:
            yield from _spelled(option, value)


def _spelled(option: Option, value: str) -> tuple[str, ...]:
    word = f"-{option.short}" if option.short in _SHORT_IS_KNOWN and option.short else f"--{option.name}"
    if option.kind is ValueKind.SWITCH:
        return (word,) if value == "true" else (f"--{option.name}={value}",)
    return (word, value)


_ORDERED = sorted(OPTIONS, key=lambda option: _COMMON.index(option.name) if option.name in _COMMON else len(_COMMON))
_SWITCHES = frozenset(
    word for option in OPTIONS if option.kind is ValueKind.SWITCH for word in (f"--{option.name}", f"-{option.short}")
)


def wrapped(words: Sequence[str], width: int) -> list[str]:
    """Return a command as lines of the shell, continued by backslashes, cut before options where there is a choice."""
    lines: list[str] = []
    line = ""
    for chunk in _chunks(words):
        if line and len(line) + len(chunk) + 3 > width:
            lines.append(f"{line} \\")
            line = f"  {chunk}"
        else:
            line = f"{line} {chunk}" if line else chunk
    return [*lines, line]


def _chunks(words: Sequence[str]) -> Iterator[str]:
    """Yield words, options together with their values."""
    waiting = ""
    for word in words:
        quoted = shown_word(word)
        if waiting:
            yield f"{waiting} {quoted}" if not word.startswith("-") else waiting
            waiting = quoted if word.startswith("-") else ""
            continue
        if word.startswith("-") and "=" not in word and word not in _SWITCHES:
            waiting = quoted
        else:
            yield quoted
    if waiting:
        yield waiting
