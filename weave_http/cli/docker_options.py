"""The options before the command: one table, which the reader, the help and the completion share.

They are spelled as docker's: `-HX`, `-H=X`, `--host X`, `--tls`, `--tls=false`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from weave_http.cli.options import Globals
from weave_http.cli.selection import selected
from weave_http.errors import UsageError
from weave_http.hints import Any
from weave_http.records import dataclass

_BOOLEANS = dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True) | dict.fromkeys(
    ("0", "f", "F", "false", "FALSE", "False"), False
)


@dataclass(frozen=True, slots=True)
class GlobalOption:
    """An option before the command.

    Args:
        field: the attribute of `Globals` that it sets.
        names: its spellings.
        help: what it does.
        metavar: what its value is; empty for a switch.
        kind: how its text is read: `switch`, `text`, `path`, or `many`, which may be given again.
        choices: what its value may be; empty for anything.
    """

    field: str
    names: tuple[str, ...]
    help: str
    metavar: str = ""
    kind: str = "text"
    choices: tuple[str, ...] = ()

    @property
    def row(self) -> tuple[str, str]:
        """How the help shows it, and what it does."""
        shown = ", ".join(sorted(self.names, key=len))
        if self.kind == "switch":
            return shown + self.metavar, self.help
        return f"{shown} {self.metavar}", self.help

    def read(self, name: str, text: str) -> Any:
        """Return the value that a text is.

        Args:
            name: the spelling that was typed.
            text: what was typed for it; empty for a switch alone.

        Raises:
            UsageError: it makes no sense.
        """
        if self.kind == "switch":
            if text not in _BOOLEANS:
                raise UsageError(f"{name}={text} is neither true nor false", hint=f"write {name} or {name}=false")
            return _BOOLEANS[text]
        if self.choices and text.lower() not in self.choices:
            raise UsageError(f"unknown {name} {text!r}", hint=f"expected one of {', '.join(self.choices)}")
        return text.lower() if self.choices else unquoted(text) if self.kind == "path" else text


GLOBAL_OPTIONS = (
    GlobalOption(
        "host", ("--host", "-H"), "Docker host, instead of DOCKER_HOST. Given again: all of them.", "ENDPOINT", "many"
    ),
    GlobalOption(
        "context", ("--context", "-c"), "Docker context to use; a pattern, as 'prod-*': all of these.", "NAME", "many"
    ),
    GlobalOption(
        "hosts", ("--hosts",), "Docker hosts by name, pattern or label=LABEL, instead of WEAVE_HOSTS.", "HOST,…"
    ),
    GlobalOption(
        "config",
        ("--config",),
        "Docker's configuration (contexts, credentials), instead of DOCKER_CONFIG.",
        "DIR",
    ),
    GlobalOption("tls", ("--tls",), "Use TLS; implied by --tlsverify.", "[=BOOL]", "switch"),
    GlobalOption("tlsverify", ("--tlsverify",), "Use TLS and verify the daemon; not, if false.", "[=BOOL]", "switch"),
    GlobalOption("tlscacert", ("--tlscacert",), "Trust certificates of this CA.", "FILE", "path"),
    GlobalOption("tlscert", ("--tlscert",), "Client certificate.", "FILE", "path"),
    GlobalOption("tlskey", ("--tlskey",), "Key of the client certificate.", "FILE", "path"),
    GlobalOption("dry_run", ("--dry-run",), "Print the API calls, and send none.", kind="switch"),
    GlobalOption("trace", ("--trace",), "Show each API call on stderr as it is made.", kind="switch"),
    GlobalOption(
        "calls",
        ("--calls",),
        "How the two above show a call; line if not given.",
        "line|curl|http|json",
        choices=("line", "curl", "http", "json"),
    ),
    GlobalOption(
        "verbose",
        ("--verbose", "-v"),
        "Show bodies with lines, and short answers in a trace. Say which endpoint is used.",
        kind="switch",
    ),
    GlobalOption("show_secrets", ("--show-secrets",), "Do not mask passwords.", kind="switch"),
    GlobalOption("cold", ("--cold",), "Use a throw-away container, and not the resident executor.", kind="switch"),
)
"""All of them, in the order of the help; `--help` and the like are Typer's."""

BY_NAME = {name: option for option in GLOBAL_OPTIONS for name in option.names}


def read(words: Sequence[str], *, unfinished: bool = False) -> tuple[Globals, list[str]]:
    """Return the options before a command, and the words from the command on.

    Reading ends at the first word that is none of these options. If that one begins with a dash, it is for Typer:
    `--help`, or a mistake.

    Args:
        words: what follows `weave`.
        unfinished: somebody is still typing, so the last option may lack its value.

    Raises:
        UsageError: an option without its value, or with a value that makes no sense.
    """
    values: dict[str, Any] = {}
    rest = list(words)
    while rest:
        word = rest[0]
        name, equals, text = word.partition("=") if word.startswith("--") else (word[:2], word[2:3], word[2:])
        option = BY_NAME.get(name)
        if option is None:
            break
        rest.pop(0)
        if option.kind == "switch":
            if text and not word.startswith("--"):  # several short ones in a word
                rest.insert(0, f"-{text}")
                equals = ""
            values[option.field] = option.read(name, text if equals else "true")
            continue
        if not equals:
            if not rest and unfinished:
                break
            if not rest:
                raise UsageError(f"option {name!r} needs a value", hint="see `weave --help`")
            text = rest.pop(0)
        elif not word.startswith("--") and len(text) > 1:
            text = text.removeprefix("=")
        value = option.read(name, text)
        values[option.field] = (*values.get(option.field, ()), value) if option.kind == "many" else value
    if rest[:1] == ["--"]:
        rest.pop(0)
    hosts, contexts = values.pop("host", ()), values.pop("context", ())
    selection = selected(hosts, contexts, values.pop("hosts", None), os.environ)
    if selection is None:
        values |= {"host": next(iter(hosts), None), "context": next(iter(contexts), None)}
    return Globals(**values, selection=selection), rest


def advice(message: str, command: str) -> str:
    """Return what to do about words that make no command: where help is, or where an option has its place.

    Args:
        message: what is wrong, as `unknown option '--trace'`.
        command: that was typed, as `weave status`.
    """
    before, _, word = message.partition("'")
    name, equals, text = word.removesuffix("'").partition("=")
    option = BY_NAME.get(name) if before == "unknown option " and command != "weave" else None
    if option is None:
        return f"see `{command} --help`"
    value = f" {option.metavar}" if option.kind != "switch" and not equals else equals + text
    return f"it stands before the command: weave {name}{value} {command.removeprefix('weave ')}"


def unquoted(text: str) -> str:
    """Return a path without the quotes around it, which a file of variables or a unit of systemd may have left."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    return text
