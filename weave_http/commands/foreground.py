"""A container in the foreground: its streams, its terminal, its signals and its exit code are the caller's.

As `docker run` without `-d`: attach and wait are asked before the start; a terminal is raw while the container runs,
and the container's has its size; the detach keys, found here, leave it running.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any

from weave_http.commands.caller import Caller
from weave_http.commands.detach_keys import DEFAULT, Detached, KeyFilter, key_codes
from weave_http.commands.signals import SignalProxy, all_signals
from weave_http.engine.errors import StreamError
from weave_http.engine.exits import PendingExit
from weave_http.engine.interactive import Session
from weave_http.engine.output import AttachedOutput
from weave_http.errors import EngineError, WeaveError
from weave_http.run_args import CreateRequest

_ATTACHED = ("AttachStdin", "AttachStdout", "AttachStderr")


@dataclass(frozen=True, slots=True)
class Streams:
    """Which streams of a container are the caller's.

    Args:
        stdin, stdout, stderr: whether this one is.
        tty: whether the container has a terminal.
    """

    stdin: bool
    stdout: bool
    stderr: bool
    tty: bool

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Streams:
        """Return what a create body says; one that says nothing means output, and input if it keeps stdin open."""
        said = [config[key] for key in _ATTACHED if key in config]
        stdin, stdout, stderr = (bool(config.get(key)) for key in _ATTACHED)
        if not said:
            stdin, stdout, stderr = bool(config.get("OpenStdin")), True, True
        return cls(stdin, stdout, stderr, bool(config.get("Tty")))

    def told(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return a create body that says so."""
        values = (self.stdin, self.stdout, self.stderr)
        once = {"StdinOnce": True} if self.stdin and config.get("OpenStdin") else {}
        return {**config, **dict(zip(_ATTACHED, values, strict=True)), **once}


def check(caller: Caller, request: CreateRequest) -> None:
    """Raise `WeaveError` where docker run refuses to be in the foreground."""
    if request.detach:
        raise EngineError("conflicting options: -d and --foreground")
    if request.detach_keys:
        key_codes(request.detach_keys)
    streams = Streams.of(request.config)
    if streams.tty and streams.stdin and caller.keyboard is not None and not caller.keyboard.is_terminal:
        raise WeaveError("the input device is not a TTY", hint="leave -t out, or -i")


def with_size(caller: Caller, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a create body that says how large the caller's screen is, for a container that has a terminal."""
    size = caller.keyboard.size() if caller.keyboard and config.get("Tty") else None
    if size is None:
        return dict(config)
    return {**config, "HostConfig": {**(config.get("HostConfig") or {}), "ConsoleSize": list(size)}}


def listen(caller: Caller, container: str, request: CreateRequest, streams: Streams) -> AttachedOutput | Session:
    """Attach to a container that has not been started yet: `POST /containers/{id}/attach`."""
    attach = caller.engine.containers.attach
    if not streams.stdin:
        return attach(container, stdout=streams.stdout, stderr=streams.stderr, tty=streams.tty)
    return attach(
        container,
        stdin=True,
        stdout=streams.stdout,
        stderr=streams.stderr,
        tty=streams.tty,
        detach_keys=request.detach_keys,
    )


def fit(caller: Caller, container: str, streams: Streams) -> None:
    """Give a container's terminal the size of the caller's screen: `POST /containers/{id}/resize`."""
    size = caller.keyboard.size() if caller.keyboard and streams.tty else None
    if size is not None:
        with suppress(EngineError):  # it may have ended already
            caller.engine.containers.resize(container, height=size[0], width=size[1])


def proxied(caller: Caller, container: str, request: CreateRequest, streams: Streams) -> SignalProxy:
    """Return what hands signals on to a container, and the size of the screen whenever that changes."""

    def send(number: int) -> None:
        if number == signal.SIGWINCH and streams.tty:
            fit(caller, container, streams)
            return
        caller.engine.containers.kill(container, signal=signal.Signals(number).name)

    if request.sig_proxy:
        return SignalProxy(send, all_signals())
    return SignalProxy(send, {signal.SIGWINCH} if streams.tty else set())


def converse(
    caller: Caller, request: CreateRequest, streams: Streams, attached: AttachedOutput | Session, waiter: PendingExit
) -> int:
    """Pass on what is typed and what the container writes until it ends, and return its exit code.

    The detach keys end it as well, with 0.

    Raises:
        StreamError: the daemon broke off the output, or knows no exit code.
    """
    keyboard = caller.keyboard
    raw: AbstractContextManager[None] = nullcontext()
    if isinstance(attached, Session):
        if keyboard is None:
            attached.close_stdin()
        elif streams.tty:
            raw = keyboard.raw()
            attached.feed_from(keyboard.descriptor, through=KeyFilter(key_codes(request.detach_keys or DEFAULT)))
        else:
            attached.feed_from(keyboard.descriptor)
    try:
        with raw:
            for stream, data in attached:
                caller.write(stream, data)
    except Detached:
        return 0
    result = waiter.result()
    if result.error:
        raise StreamError(result.error)
    return result.code
