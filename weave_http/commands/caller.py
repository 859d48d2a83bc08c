"""What every command needs of its caller: an engine, somewhere to write, and an environment."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from weave_http import constants
from weave_http.commands.cidfile import Files, NoFiles
from weave_http.commands.interrupts import Interrupts
from weave_http.engine import Engine
from weave_http.printable import printable


class Sink(Protocol):
    """Where bytes go: a binary stream that can be flushed."""

    def write(self, data: bytes, /) -> object: ...

    def flush(self) -> object: ...


class Meter(Protocol):
    """Shows how far a long transfer is."""

    def update(self, item: str, status: str, current: int, total: int) -> None:
        """Show that `item` is at `current` of `total` bytes (both 0 when unknown), in the words of `status`."""
        ...


class NoMeter:
    """A meter that shows nothing."""

    def update(self, item: str, status: str, current: int, total: int) -> None:
        """Show nothing."""


class Keyboard(Protocol):
    """Where the caller types, and how large the screen is."""

    @property
    def descriptor(self) -> int:
        """File descriptor to read from."""
        ...

    @property
    def is_terminal(self) -> bool:
        """Whether somebody types at a terminal; else it is a file or a pipe."""
        ...

    def size(self) -> tuple[int, int] | None:
        """Return height and width of the screen in characters, or nothing if there is no screen."""
        ...

    def raw(self) -> AbstractContextManager[None]:
        """Hand on every key as it is typed, for a while."""
        ...


@dataclass(frozen=True, slots=True)
class Caller:
    """Who runs a command, and against which daemon.

    Args:
        engine: the daemon's API.
        stdout: takes what a command prints.
        stderr: takes what a command says beside.
        environ: environment variables; Weave's own are handed on to the executor.
        meter: shows transfers.
        interrupts: turns SIGINT and SIGTERM into an orderly end.
        keyboard: for a container in the foreground; None where nobody types, as in a dry run.
        files: the caller's files.
    """

    engine: Engine
    stdout: Sink
    stderr: Sink
    environ: Mapping[str, str] = field(default_factory=dict)
    meter: Meter = field(default_factory=NoMeter)
    interrupts: Interrupts = field(default_factory=Interrupts)
    keyboard: Keyboard | None = None
    files: Files = field(default_factory=NoFiles)

    @property
    def image(self) -> str:
        """The executor's image: `$EXEC_IMAGE`, else this version's own (`$VERSION` replaces its tag)."""
        image = self.environ.get("EXEC_IMAGE")
        if image:
            return image
        version = self.environ.get("VERSION")
        return f"{constants.IMAGE_REPOSITORY}:{version}" if version else constants.DEFAULT_IMAGE

    def write(self, stream: int, data: bytes) -> None:
        """Pass on what a container wrote to its stream 1 (stdout) or 2 (stderr), at once."""
        sink = self.stderr if stream == 2 else self.stdout
        sink.write(data)
        sink.flush()

    def say(self, line: str) -> None:
        """Print one line on stdout."""
        self.write(1, line.encode() + b"\n")

    def note(self, line: str) -> None:
        """Print one line on stderr; it may hold words of the daemon."""
        self.write(2, printable(line).encode() + b"\n")
