"""A create request in the making: what was given, where, and the body so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from pathlib import PurePosixPath
from typing import Any, TypeVar

from weave_http.records import dataclass, field
from weave_http.run_args.files import Files
from weave_http.run_args.wrong import BadValue, RunArgumentError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a line means depends on where it is typed, and on the daemon.

    Args:
        environ: where `-e NAME` without a value looks.
        directory: what a path that starts with a dot is relative to.
        os_type: the daemon's system, as its ping says: `linux`, `windows`.
        files: reads what the line refers to.
        remote: the daemon does not see this machine's files.
        daemon: the daemon's address, by which docker's configuration may have proxies of its own.
        config: docker's own configuration, `config.json`.
    """

    environ: Mapping[str, str]
    directory: PurePosixPath
    os_type: str
    files: Files
    remote: bool
    daemon: str
    config: Mapping[str, Any]


@dataclass(slots=True)
class Draft:
    """A request in the making.

    Args:
        around: where the line was typed.
        given: by option: the value of the last, or all of a list or map.
        last: by option: the text of the last value, for messages.
        config: the body; without `HostConfig`.
        host: its `HostConfig`.
        shown: by option: what it is called in messages.
        warnings: what the user should know.
    """

    around: Surroundings
    given: MutableMapping[str, Any] = field(default_factory=dict)
    last: dict[str, str] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    host: dict[str, Any] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def texts(self, name: str) -> list[str]:
        """Return all values of a list that was perhaps given."""
        values: list[str] = self.given.get(name, [])
        return values

    def each(self, name: str, read: Callable[[str], T]) -> Iterator[T]:
        """Read all values of a list here, because their meaning depends on more than themselves.

        Raises:
            RunArgumentError: for a `BadValue`, naming option and value.
        """
        for text in self.texts(name):
            yield self.one(name, text, read)

    def one(self, name: str, text: str, read: Callable[[str], T]) -> T:
        """Read one value; see `each`."""
        try:
            return read(text)
        except BadValue as error:
            raise bad_value(self.shown.get(name, f"--{name}"), text, error) from error

    def absolute(self, path: str, where: str) -> str:
        """Return a path of the caller's as an absolute one, with a warning if the daemon won't find it.

        Args:
            path: starts with a dot; any other path is the Docker host's own, and stays as it is.
            where: what it was given in, for the warning.
        """
        import posixpath

        if not path.startswith("."):
            return path
        absolute = posixpath.normpath(self.around.directory / path)
        if self.around.remote:
            self.warnings.append(f"{where}: {path} is {absolute} here, and that of the Docker host will be mounted")
        return absolute


def bad_value(shown: str, text: str, error: BadValue) -> RunArgumentError:
    """Return the one line for a bad value."""
    return RunArgumentError(f"invalid value {text!r} for {shown}: {error}")
