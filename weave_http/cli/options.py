"""The values of the options before a command."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import typer

from weave_http.cli.docker_options import only, switch, unquoted

if TYPE_CHECKING:
    from weave_http.transcript import Stage


class Warnings:
    """Says each warning once on stderr: several commands' parts may come across the same."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def __call__(self, line: str) -> None:
        """Say a line."""
        if line not in self._said:
            self._said.add(line)
            typer.echo(f"weave: {line}", err=True)


@dataclass(frozen=True, slots=True)
class Globals:
    """The global options; see `weave --help`."""

    host: str | None = None
    context: str | None = None
    config: str | None = None
    tls: bool | None = None
    tlsverify: bool | None = None
    tlscacert: str | None = None
    tlscert: str | None = None
    tlskey: str | None = None
    dry_run: bool = False
    trace: bool = False
    verbose: bool = False
    show_secrets: bool = False
    calls: str = "line"
    cold: bool = False
    stage: Stage | None = None
    """Where the command is only played, for `explain` and `script`."""
    warn: Warnings = field(default_factory=Warnings, compare=False)

    def docker_environ(self) -> Mapping[str, str]:
        """Return the environment, in which `--config` has the say about docker's configuration."""
        return {**os.environ, "DOCKER_CONFIG": self.config} if self.config else os.environ


def to_daemon(
    *,
    host: Sequence[str] | None,
    context: str | None,
    config: str | None,
    tls: str | None,
    tlsverify: str | None,
    tlscacert: str | None,
    tlscert: str | None,
    tlskey: str | None,
) -> Globals:
    """Return the options by which docker finds a daemon, as they were typed.

    Raises:
        UsageError: they are not spelled as docker's.
    """
    return Globals(
        host=only("-H", host),
        context=context,
        config=config,
        tls=switch("--tls", tls),
        tlsverify=switch("--tlsverify", tlsverify),
        tlscacert=unquoted(tlscacert),
        tlscert=unquoted(tlscert),
        tlskey=unquoted(tlskey),
    )
