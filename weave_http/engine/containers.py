"""Containers: `/containers/…`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from weave_http.engine.errors import VersionError
from weave_http.engine.exits import PendingExit, PendingExits
from weave_http.engine.gates import gate
from weave_http.engine.interactive import Session
from weave_http.engine.output import AttachedOutput, is_raw
from weave_http.engine.reference import json_filters, segment
from weave_http.engine.version import version_text
from weave_http.engine.wire.contract import Patience
from weave_http.hints import TYPE_CHECKING, Any, Literal, overload
from weave_http.records import dataclass

if TYPE_CHECKING:
    from weave_http.engine.client import Engine

Condition = Literal["not-running", "next-exit", "removed"]
"""What can be waited for."""
_NOT_MODIFIED = 304
"""Already started, already stopped: what was asked for is the case."""
_PLATFORM_SINCE = (1, 41)


@dataclass(frozen=True, slots=True)
class Created:
    """A new container.

    Args:
        id: 64 hexadecimal digits.
        warnings: what had to be left out for this daemon, and what it found strange about the rest.
    """

    id: str
    warnings: tuple[str, ...] = ()


class Containers:
    """The calls on containers. A reference is an id, a beginning of one, or a name.

    Every call raises `EngineError`s: `InvalidReference` for an empty reference, before anything is sent; `NotFound` and
    `Conflict` for 404 and 409.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, config: Mapping[str, Any], *, name: str | None = None, platform: str | None = None) -> Created:
        """`POST /containers/create`. `NotFound` means that the image is not there.

        What the daemon's version does not know is left out, and among the warnings; see `gates`.

        Args:
            config: the API's own object: `Image`, `Cmd`, `HostConfig`, …
            name: the container's name; None to let the daemon make one up.
            platform: `OS/ARCH` of the image (API 1.41).
        """
        if platform and self._engine.api_version < _PLATFORM_SINCE:
            raise VersionError(
                f"a platform can be chosen since API {version_text(_PLATFORM_SINCE)}, and "
                f"{self._engine.where} speaks {version_text(self._engine.api_version)}"
            )
        adapted, warnings = gate(config, self._engine.api_version, self._engine.where)
        query = (("name", name), ("platform", platform))
        identity, answer = self._engine.call_for_id(
            "POST",
            "/containers/create",
            query=tuple((key, value) for key, value in query if value),
            value=adapted,
            patience=Patience.LONG,
        )
        theirs = answer.get("Warnings")
        return Created(identity, (*warnings, *(map(str, theirs) if isinstance(theirs, list) else ())))

    def inspect(self, reference: str) -> dict[str, Any]:
        """`GET /containers/{id}/json`."""
        return self._engine.call_json("GET", self._path(reference, "json"))

    def list(self, *, all: bool = False, filters: Mapping[str, list[str]] | None = None) -> list[dict[str, Any]]:
        """`GET /containers/json`.

        Args:
            all: also those that don't run.
            filters: as `{"label": ["works.weave.role=router"]}`.
        """
        query = ((("all", "1"),) if all else ()) + json_filters(filters)
        return self._engine.call_list("GET", "/containers/json", query=query)

    @overload
    def attach(
        self,
        reference: str,
        *,
        stdin: Literal[False] = False,
        stdout: bool = True,
        stderr: bool = True,
        tty: bool = False,
        detach_keys: str = "",
    ) -> AttachedOutput: ...

    @overload
    def attach(
        self,
        reference: str,
        *,
        stdin: Literal[True],
        stdout: bool = True,
        stderr: bool = True,
        tty: bool | None = False,
        detach_keys: str = "",
        any_version: bool = False,
    ) -> Session: ...

    @overload
    def attach(
        self,
        reference: str,
        *,
        stdin: bool,
        stdout: bool = True,
        stderr: bool = True,
        tty: bool = False,
        detach_keys: str = "",
    ) -> AttachedOutput | Session: ...

    def attach(
        self,
        reference: str,
        *,
        stdin: bool = False,
        stdout: bool = True,
        stderr: bool = True,
        tty: bool | None = False,
        detach_keys: str = "",
        any_version: bool = False,
    ) -> AttachedOutput | Session:
        """`POST /containers/{id}/attach`: listen to what the container writes from now on, and write to it.

        The answer's head comes at once; attach before `start` to miss nothing.

        Args:
            stdin: write to it as well; it was created with `OpenStdin`.
            tty: whether the container has a terminal (`Config.Tty`); daemons below API 1.42 don't tell. None, with
                `stdin`, where nobody knows and it writes text: the first byte of it tells then.
            detach_keys: keys that end the stream while the container goes on, as `ctrl-p,ctrl-q`; empty for the
                daemon's own. Only terminals that are written to have them.
            any_version: with `stdin`, ask for no API version first: the call is the same in all of them. An answer
                that does not begin within 2 s is a failure: Docker lets nobody attach while another one reads nothing.
        """
        path = self._path(reference, "attach")
        streams = _streams(stdout, stderr)
        if not stdin:
            response = self._engine.send("POST", path, query=(("stream", "1"), *streams), patience=Patience.STREAM)
            return AttachedOutput(response, raw=self._is_raw(response.headers, bool(tty)))
        keys = (("detachKeys", detach_keys),) if detach_keys else ()
        query = (("stream", "1"), ("stdin", "1"), *streams, *keys)
        duplex = self._engine.hijack(
            path, query=query, patience=Patience.SHORT if any_version else Patience.STREAM, any_version=any_version
        )
        return Session(duplex, raw=None if tty is None else self._is_raw(duplex.headers, tty))

    def _is_raw(self, headers: Mapping[str, str], tty: bool) -> bool:
        # Without a terminal it never is, and asking for the version may be a call.
        return tty and is_raw(headers.get("content-type", ""), self._engine.api_version, tty=tty)

    def resize(self, reference: str, *, height: int, width: int) -> None:
        """`POST /containers/{id}/resize`: give the container's terminal another size.

        Args:
            height, width: in characters.
        """
        self._post(reference, "resize", query=(("h", str(height)), ("w", str(width))))

    def logs(
        self,
        reference: str,
        *,
        stdout: bool = True,
        stderr: bool = True,
        tail: int | None = None,
        follow: bool = False,
        tty: bool = False,
    ) -> AttachedOutput:
        """`GET /containers/{id}/logs`: what the container has written.

        Args:
            tail: number of last lines; None for all.
            follow: go on with what it writes from now on.
            tty: as for `attach`.
        """
        query = (*_streams(stdout, stderr), ("tail", "all" if tail is None else str(tail)))
        response = self._engine.send(
            "GET",
            self._path(reference, "logs"),
            query=(*query, ("follow", "1")) if follow else query,
            patience=Patience.STREAM,
        )
        return AttachedOutput(response, raw=self._is_raw(response.headers, tty))

    def wait(self, reference: str, *, condition: Condition = "not-running") -> PendingExit:
        """`POST /containers/{id}/wait`: the answer's head comes at once, the exit code when there is one.

        Args:
            condition: `next-exit` when asked before `start`, `removed` for containers with AutoRemove.
        """
        response = self._engine.send(
            "POST", self._path(reference, "wait"), query=(("condition", condition),), patience=Patience.STREAM
        )
        return PendingExit(response, reference)

    def wait_all(self, references: Sequence[str], *, condition: Condition = "not-running") -> PendingExits:
        """`wait` for several containers: requests and answers' heads of all are under way at the same time.

        Args:
            references: the containers; one that is named twice is waited for twice.
            condition: as for `wait`.
        """
        responses = self._engine.send_all(
            "POST",
            [self._path(reference, "wait") for reference in references],
            query=(("condition", condition),),
            patience=Patience.STREAM,
        )
        return PendingExits([PendingExit(response, name) for response, name in zip(responses, references, strict=True)])

    def start(self, reference: str) -> None:
        """`POST /containers/{id}/start`; one that runs already is left alone."""
        self._post(reference, "start", also=(_NOT_MODIFIED,))

    def stop(self, reference: str, *, timeout: int | None = None) -> None:
        """`POST /containers/{id}/stop`: SIGTERM, then SIGKILL; one that has stopped already is left alone.

        Args:
            timeout: seconds between the two; None for the container's own (10 as a rule), -1 for ever.
        """
        self._post(reference, "stop", query=_seconds(timeout), also=(_NOT_MODIFIED,))

    def restart(self, reference: str, *, timeout: int | None = None) -> None:
        """`POST /containers/{id}/restart`; `timeout` as for `stop`."""
        self._post(reference, "restart", query=_seconds(timeout))

    def kill(self, reference: str, signal: str = "KILL") -> None:
        """`POST /containers/{id}/kill`. `Conflict` means that it does not run.

        Args:
            signal: name or number.
        """
        self._post(reference, "kill", query=(("signal", signal),))

    def update(self, reference: str, limits: Mapping[str, Any]) -> None:
        """`POST /containers/{id}/update`: change limits or the restart policy of a container that there is.

        Args:
            limits: fields of a create body's `HostConfig`, as `{"RestartPolicy": {"Name": "no"}}`.
        """
        self._engine.call("POST", self._path(reference, "update"), value=limits, patience=Patience.LONG)

    def rename(self, reference: str, name: str) -> None:
        """`POST /containers/{id}/rename`, also of one that runs. `Conflict` means that another one has that name."""
        self._post(reference, "rename", query=(("name", name),))

    def remove(self, reference: str, *, force: bool = False, volumes: bool = False) -> None:
        """`DELETE /containers/{id}`.

        Args:
            force: also if it runs: it is killed.
            volumes: with its anonymous volumes.
        """
        query = ((("v", "1"),) if volumes else ()) + ((("force", "1"),) if force else ())
        self._engine.call(
            "DELETE", f"/containers/{segment(reference, 'container')}", query=query, patience=Patience.LONG
        )

    def put_archive(self, reference: str, path: str, archive: bytes) -> None:
        """`PUT /containers/{id}/archive`: unpack an archive in a container, also in its volumes before its start.

        Args:
            path: of a folder that is there.
            archive: tar.
        """
        self._engine.call(
            "PUT",
            self._path(reference, "archive"),
            query=(("path", path),),
            headers=(("Content-Type", "application/x-tar"),),
            body=archive,
            patience=Patience.LONG,
        )

    def _post(
        self, reference: str, action: str, *, query: tuple[tuple[str, str], ...] = (), also: tuple[int, ...] = ()
    ) -> None:
        self._engine.call("POST", self._path(reference, action), query=query, also=also, patience=Patience.LONG)

    def _path(self, reference: str, action: str) -> str:
        return f"/containers/{segment(reference, 'container')}/{action}"


def _streams(stdout: bool, stderr: bool) -> tuple[tuple[str, str], ...]:
    return ((("stdout", "1"),) if stdout else ()) + ((("stderr", "1"),) if stderr else ())


def _seconds(timeout: int | None) -> tuple[tuple[str, str], ...]:
    return () if timeout is None else (("t", str(timeout)),)
