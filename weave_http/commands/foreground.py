"""A container in the foreground: its streams, its terminal, its signals and its exit code are the caller's.

As `docker run` without `-d`: attach and wait are asked before the start; a terminal is raw while the container runs,
and the container's has its size; the detach keys, found here, leave it running.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any

from weave_http.commands.caller import Caller
from weave_http.commands.detach_keys import Detached, KeyFilter
from weave_http.commands.signals import Handing, all_signals
from weave_http.engine.errors import StreamError
from weave_http.engine.exits import PendingExit
from weave_http.engine.interactive import Session
from weave_http.engine.output import AttachedOutput
from weave_http.errors import EngineError, WeaveError
from weave_http.records import dataclass
from weave_http.run_args import BadValue, CreateRequest, RunArgumentError, key_codes

DEFAULT_KEYS = "ctrl-p,ctrl-q"
_ATTACHED = ("AttachStdin", "AttachStdout", "AttachStderr")


@dataclass(frozen=True, slots=True)
class Front:
    """What a container and its caller have in common.

    Args:
        caller: engine, streams, keyboard and signals.
        request: the arguments.
        stdin, stdout, stderr: which streams are the caller's.
        tty: whether the container has a terminal.
    """

    caller: Caller
    request: CreateRequest
    stdin: bool
    stdout: bool
    stderr: bool
    tty: bool

    @classmethod
    def of(cls, caller: Caller, request: CreateRequest) -> Front:
        """Return what arguments say; if they say nothing of streams, output, and input if stdin is kept open."""
        config = request.config
        said = [config[key] for key in _ATTACHED if key in config]
        stdin, stdout, stderr = (bool(config.get(key)) for key in _ATTACHED)
        if not said:
            stdin, stdout, stderr = bool(config.get("OpenStdin")), True, True
        return cls(caller, request, stdin, stdout, stderr, bool(config.get("Tty")))

    @classmethod
    def output_only(cls, caller: Caller, request: CreateRequest) -> Front:
        """Return what is listened to of a container that is not in the foreground."""
        return cls(caller, request, False, True, True, bool(request.config.get("Tty")))

    def check(self) -> None:
        """Raise `WeaveError` where docker run refuses to be in the foreground."""
        if self.request.detach:
            raise EngineError("conflicting options: -d and --foreground")
        try:
            key_codes(self.request.detach_keys)
        except BadValue as error:  # docker's configuration names them
            raise RunArgumentError(f"invalid detach keys {self.request.detach_keys!r}: {error}") from error
        keyboard = self.caller.keyboard
        if self.tty and self.stdin and keyboard is not None and not keyboard.is_terminal:
            raise WeaveError("the input device is not a TTY", hint="leave -t out, or -i")

    def told(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return a create body that says which streams these are, and how large the screen is."""
        values = (self.stdin, self.stdout, self.stderr)
        once = {"StdinOnce": True} if self.stdin and config.get("OpenStdin") else {}
        body = {**config, **dict(zip(_ATTACHED, values, strict=True)), **once}
        if (size := self._size()) is not None:
            body["HostConfig"] = {**(config.get("HostConfig") or {}), "ConsoleSize": list(size)}
        return body

    def listen(self, container: str) -> AttachedOutput | Session:
        """Attach to a container that has not been started yet: `POST /containers/{id}/attach`."""
        attach = self.caller.engine.containers.attach
        if not self.stdin:
            return attach(container, stdout=self.stdout, stderr=self.stderr, tty=self.tty)
        return attach(
            container,
            stdin=True,
            stdout=self.stdout,
            stderr=self.stderr,
            tty=self.tty,
            detach_keys=self.request.detach_keys,
        )

    def fit(self, container: str) -> None:
        """Give a container's terminal the size of the caller's screen: `POST /containers/{id}/resize`."""
        size = self._size()
        if size is not None:
            with suppress(EngineError):  # it may have ended already
                self.caller.engine.containers.resize(container, height=size[0], width=size[1])

    def signals(self, container: str) -> Handing:
        """Return what hands signals on to a container, and the size of the screen whenever that changes."""

        def send(number: int) -> None:
            if number == signal.SIGWINCH and self.tty:
                self.fit(container)
                return
            self.caller.engine.containers.kill(container, signal=signal.Signals(number).name)

        if self.request.sig_proxy:
            return Handing(send, all_signals())
        return Handing(send, frozenset({signal.SIGWINCH} if self.tty else ()))

    def converse(self, attached: AttachedOutput | Session, ending: PendingExit) -> int:
        """Pass on what is typed and what the container writes until it ends, and return its exit code.

        The detach keys end it as well, with 0.

        Raises:
            StreamError: the daemon broke off the output, or knows no exit code.
        """
        keyboard = self.caller.keyboard
        raw: AbstractContextManager[None] = nullcontext()
        if isinstance(attached, Session):
            if keyboard is None:
                attached.close_stdin()
            elif self.tty:
                raw = keyboard.raw()
                keys = key_codes(self.request.detach_keys or DEFAULT_KEYS)
                attached.feed_from(keyboard.descriptor, through=KeyFilter(keys))
            else:
                attached.feed_from(keyboard.descriptor)
        try:
            with raw:
                for stream, data in attached:
                    self.caller.write(stream, data)
        except Detached:
            return 0
        result = ending.result()
        if result.error:
            raise StreamError(result.error)
        return result.code

    def _size(self) -> tuple[int, int] | None:
        """Return height and width of the caller's screen, if the container has a terminal."""
        return self.caller.keyboard.size() if self.caller.keyboard and self.tty else None
