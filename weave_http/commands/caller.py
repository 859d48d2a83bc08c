"""The caller, as every command needs it: an engine, streams, an environment, signals."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager

from weave_http import constants
from weave_http.commands.id_file import IdFiles, NoIdFiles
from weave_http.commands.signals import Signals
from weave_http.engine import Endpoint, Engine
from weave_http.hints import Protocol
from weave_http.printable import printable
from weave_http.records import dataclass, field, replace
from weave_http.sinks import NOWHERE, Overheard, Sink, write_all


class Meter(Protocol):
    """Shows how far a long transfer is."""

    def update(self, item: str, status: str, current: int, total: int) -> None:
        """Show that `item` is at `current` of `total` bytes (both 0 when unknown), in the words of `status`."""
        ...

    def end(self) -> None:
        """Show nothing more of what was shown so far: something else is written."""
        ...


class NoMeter:
    """A meter that shows nothing."""

    def update(self, item: str, status: str, current: int, total: int) -> None:
        """Show nothing."""

    def end(self) -> None:
        """Do nothing."""


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
    """Who has operations performed, and against which daemon.

    Args:
        engine: the daemon's API.
        stdout: takes what a command prints, as it comes; nowhere by default.
        stderr: takes what a command says beside; nowhere by default.
        environ: environment variables; Weave's own are handed on to the executor.
        endpoint: where the daemon is.
        config: folder of docker's configuration, instead of the environment's; empty for that.
        meter: shows transfers.
        signals: turns SIGINT and SIGTERM into an orderly end.
        keyboard: for a container in the foreground; None where nobody types, as in a dry run.
        id_files: the caller's files for ids of containers.
        cold: let no resident executor do operations, but a container for each, as Weave does.
    """

    engine: Engine
    stdout: Sink = NOWHERE
    stderr: Sink = NOWHERE
    environ: Mapping[str, str] = field(default_factory=dict)
    endpoint: Endpoint = field(default_factory=lambda: Endpoint("unix"))
    config: str = ""
    meter: Meter = field(default_factory=NoMeter)
    signals: Signals = field(default_factory=Signals)
    keyboard: Keyboard | None = None
    id_files: IdFiles = field(default_factory=NoIdFiles)
    cold: bool = False

    @property
    def image(self) -> str:
        """The executor's image: `$EXEC_IMAGE`, else this version's own (`$VERSION` replaces its tag)."""
        image = self.environ.get("EXEC_IMAGE")
        if image:
            return image
        version = self.environ.get("VERSION")
        return f"{constants.IMAGE_REPOSITORY}:{version}" if version else constants.DEFAULT_IMAGE

    def write(self, stream: int, data: bytes) -> None:
        """Pass on what a container wrote to its stream 1 (stdout) or 2 (stderr), at once and every byte."""
        self.meter.end()
        write_all(self.stderr if stream == 2 else self.stdout, data)

    def say(self, line: str) -> None:
        """Print one line on stdout."""
        self.write(1, line.encode(errors="surrogateescape") + b"\n")

    def note(self, line: str) -> None:
        """Print one line on stderr; it may hold words of the daemon."""
        self.write(2, printable(line).encode() + b"\n")

    def overheard(self, said: list[tuple[int, bytes]]) -> Caller:
        """Return this caller, but what is written is kept in `said` as well."""
        kept = [0]
        return replace(self, stdout=Overheard(self.stdout, 1, said, kept), stderr=Overheard(self.stderr, 2, said, kept))
