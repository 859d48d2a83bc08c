"""Commands in running containers: `/containers/{id}/exec` and `/exec/…`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from weave_http.engine.interactive import Session
from weave_http.engine.output import is_raw
from weave_http.engine.reference import segment
from weave_http.engine.wire.contract import Patience

if TYPE_CHECKING:
    from weave_http.engine.client import Engine


class Execs:
    """The calls on commands in containers: `create`, then `start` or `start_detached`, then `inspect`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(
        self,
        container: str,
        command: Sequence[str],
        *,
        stdin: bool = False,
        tty: bool = False,
        environment: Mapping[str, str] | None = None,
        user: str = "",
        directory: str = "",
        privileged: bool = False,
        detach_keys: str = "",
    ) -> str:
        """`POST /containers/{id}/exec`: returns the id of the command. `Conflict` means that the container is paused.

        Args:
            container: id or name.
            command: program and arguments; no shell is involved.
            stdin: whether the command will be written to.
            tty: whether it gets a terminal.
            environment: variables besides the container's own.
            user: as `name`, `uid` or `uid:gid`; empty for the container's.
            directory: where it runs; empty for the container's.
            privileged: with all capabilities.
            detach_keys: as for `Containers.attach`.
        """
        config: dict[str, Any] = {
            "AttachStdin": stdin,
            "AttachStdout": True,
            "AttachStderr": True,
            "Tty": tty,
            "Cmd": list(command),
            "Env": [f"{name}={value}" for name, value in (environment or {}).items()],
            "User": user,
            "WorkingDir": directory,
            "Privileged": privileged,
        }
        if detach_keys:
            config["DetachKeys"] = detach_keys
        path = f"/containers/{segment(container, 'container')}/exec"
        return self._engine.call_for_id("POST", path, value=config, patience=Patience.LONG)[0]

    def start(self, identity: str, *, tty: bool = False) -> Session:
        """`POST /exec/{id}/start`: run the command, write to it and listen to it.

        Args:
            tty: as it was created with.
        """
        duplex = self._engine.hijack(
            self._path(identity, "start"), value={"Detach": False, "Tty": tty}, patience=Patience.STREAM
        )
        raw = is_raw(duplex.headers.get("content-type", ""), self._engine.api_version, tty=tty)
        return Session(duplex, raw=raw)

    def start_detached(self, identity: str, *, tty: bool = False) -> None:
        """`POST /exec/{id}/start`: run the command, and don't listen; `tty` as for `start`."""
        value = {"Detach": True, "Tty": tty}
        self._engine.call("POST", self._path(identity, "start"), value=value, patience=Patience.LONG)

    def inspect(self, identity: str) -> dict[str, Any]:
        """`GET /exec/{id}/json`: `Running`, and `ExitCode` once it has ended."""
        return self._engine.call_json("GET", self._path(identity, "json"))

    def resize(self, identity: str, *, height: int, width: int) -> None:
        """`POST /exec/{id}/resize`: give the command's terminal another size, in characters."""
        query = (("h", str(height)), ("w", str(width)))
        self._engine.call("POST", self._path(identity, "resize"), query=query, patience=Patience.LONG)

    def _path(self, identity: str, action: str) -> str:
        return f"/exec/{segment(identity, 'command')}/{action}"
