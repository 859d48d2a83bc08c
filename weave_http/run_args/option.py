"""The row of the table of docker run's options: a name, the kind of its value, and where the value goes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from weave_http.records import dataclass
from weave_http.run_args.draft import Draft
from weave_http.run_args.kinds import READ, WRITE, ValueKind

Body = Mapping[str, Any]
Read = Callable[[str], Any]
Build = Callable[[Draft], None]
Back = Callable[[Body], Iterable[str]]

HOST = "HostConfig."
FIRST = "EndpointsConfig[first]."
"""In `field`: of the network that the container is created in, under `NetworkingConfig`."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option of `docker run`.

    Args:
        name: long name without dashes.
        kind: what its value is, and what comes of several.
        field: path of the body's field that it sets, as `HostConfig.Memory`; empty for what is none of the body's.
        short: one letter, or empty.
        aliases: other long names.
        read: how a value is read, if not as its kind's; raises `BadValue`.
        check: what the last value is to be, of several; returns it in its usual form, or raises `BadValue`. As with
            docker, earlier ones only have to be readable.
        build: what puts it into the body, if that takes more than setting the field. Options can share one.
        back: the values that a body comes from, if not by the field and the kind.
        also: paths of further fields that its `build` sets.
        always: zero is a value of its own: send it when it was given.
        os: the only system of a daemon that knows it; empty for any.
    """

    name: str
    kind: ValueKind
    field: str = ""
    short: str = ""
    aliases: tuple[str, ...] = ()
    read: Read | None = None
    check: Callable[[Any], Any] | None = None
    build: Build | None = None
    back: Back | None = None
    also: tuple[str, ...] = ()
    always: bool = False
    os: str = ""

    @property
    def shown(self) -> str:
        """What it is called in messages: `-p, --publish`."""
        return f"-{self.short}, --{self.name}" if self.short else f"--{self.name}"

    @property
    def reader(self) -> Read:
        """Return what reads a value of it."""
        return self.read or READ[self.kind]

    def put(self, draft: Draft) -> None:
        """Set the field to what was given, where nothing else is to be done."""
        value = draft.given[self.name]
        if self.field and (value or self.always):
            _, _, key = self.field.rpartition(".")
            (draft.host if self.field.startswith(HOST) else draft.config)[key] = value

    def values(self, body: Body) -> Iterable[str]:
        """Return the values that a body comes from: none if it does not need the option."""
        if self.back is not None:
            return self.back(body)
        if not self.field:
            return ()
        holder: Any = body
        *way, key = self.field.split(".")
        for step in way:
            holder = holder.get(step) or {}
        value = holder.get(key)
        if value is None or not (value or self.always):
            return ()
        return WRITE[self.kind](value)
