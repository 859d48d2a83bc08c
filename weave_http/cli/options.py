"""The values of the options before a command."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from weave_http.hints import TYPE_CHECKING
from weave_http.records import dataclass, field

if TYPE_CHECKING:
    from weave_http.cli.selection import Selection
    from weave_http.transcript import Stage


class Warnings:
    """Says each warning once on stderr: several commands' parts may come across the same."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def __call__(self, line: str) -> None:
        """Say a line."""
        if line not in self._said:
            self._said.add(line)
            print(f"weave: {line}", file=sys.stderr)


@dataclass(frozen=True, slots=True)
class Globals:
    """The options before the command, see `docker_options`; and what is beside them."""

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
    selection: Selection | None = None
    """The Docker hosts, where several were asked for; `host` and `context` are None then."""
    stage: Stage | None = None
    """Where the command is only played, for `explain` and `script`."""
    warn: Warnings = field(default_factory=Warnings, compare=False)

    def docker_environ(self) -> Mapping[str, str]:
        """Return the environment, in which `--config` has the say about docker's configuration."""
        return {**os.environ, "DOCKER_CONFIG": self.config} if self.config else os.environ
