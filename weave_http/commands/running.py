"""`weave run`: start a container with `docker run`'s arguments, then join it to the network.

The exception among the commands, as in Weave: the container is the caller's own, so it is created and started by
calls from here; only joining it is the executor's work. Its program waits meanwhile, see `waiter`.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from weave_http.commands import foreground as front
from weave_http.commands import waiter
from weave_http.commands.caller import Caller
from weave_http.commands.cidfile import IdFile, id_file
from weave_http.commands.containers import pulling, remove
from weave_http.commands.detach_keys import configured
from weave_http.commands.executor import execute
from weave_http.commands.foreground import Streams
from weave_http.commands.pull import pull
from weave_http.engine import Created
from weave_http.engine.containers import Condition
from weave_http.engine.errors import APIError
from weave_http.engine.exits import PendingExit
from weave_http.engine.interactive import Session
from weave_http.engine.output import AttachedOutput, Output
from weave_http.errors import EngineError
from weave_http.run_args import CreateRequest, RunArgumentError

START_FAILURE_CODES = (
    (126, ("permission denied", "is a directory")),
    (127, ("executable file not found", "no such file or directory")),
)
"""Exit codes of `docker run` that are only to be told from the words of the daemon's refusal to start."""
LEFT_ALONE = "WEAVE_CIDR"
"""Variable by which Weave's own tools on the host know a container that is joined by somebody else."""
_LAST_WORDS = 65536


class ProgramError(EngineError):
    """The container's program can't be run; exit code 126 or 127, as docker's.

    Args:
        message: why, in the waiter's words.
        code: the exit code.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.exit_code = code


def run_container(
    caller: Caller, addresses: Sequence[str], request: CreateRequest, *, wait: bool, foreground: bool
) -> int:
    """Do what `run` says.

    Raises:
        NotJoined: the executor could not attach the container, which is removed again.
        EngineError: the daemon refused to create or start it.
        WeaveError: the request can't be done like this.
    """
    check_network(request.config)
    if foreground:
        if request.config.get("Tty") and not request.detach_keys:
            request = replace(request, detach_keys=configured(caller.environ))
        front.check(caller, request)
    for warning in request.warnings:
        caller.note(f"WARNING: {warning}")
    streams = Streams.of(request.config) if foreground else Streams(False, True, True, bool(request.config.get("Tty")))
    config = streams.told(front.with_size(caller, request.config)) if foreground else request.detached().config
    interrupts = caller.interrupts
    with ExitStack() as stack, id_file(caller.files, request.cidfile) as file:
        with ExitStack() as undoing:
            created = create(caller, request, marked(config), undoing, wait=wait)
            attached, waiting = _joined(caller, addresses, request, created, streams, file, stack, wait=wait)
            file.keep()
            if not foreground:
                caller.say(created.id)
                return 0
            proxy = stack.enter_context(front.proxied(caller, created.id, request, streams))
            if interrupts.received:
                proxy.put(interrupts.received)
        if not streams.stdout and not streams.stderr:
            caller.say(created.id)
        return front.converse(caller, request, streams, attached, waiting)


def check_network(config: Mapping[str, Any]) -> None:
    """Raise `RunArgumentError` if a container has no network namespace of its own, and so can't be joined."""
    mode = str((config.get("HostConfig") or {}).get("NetworkMode") or "")
    if mode == "host":
        raise RunArgumentError("a container with --network host can't be joined: it has the host's own interfaces")
    if mode.startswith("container:"):
        raise RunArgumentError(
            f"a container with --network {mode} can't be joined: its interfaces are the other container's",
            hint="attach that one: `weave attach CIDR… CONTAINER`",
        )


def marked(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a create body that says that the container is joined already, for what else there is of Weave."""
    environment = list(config.get("Env") or ())
    if any(item.partition("=")[0] == LEFT_ALONE for item in environment):
        return dict(config)
    return {**config, "Env": [f"{LEFT_ALONE}=none", *environment]}


def create(
    caller: Caller, request: CreateRequest, config: Mapping[str, Any], undoing: ExitStack, *, wait: bool
) -> Created:
    """Create the user's container, its image pulled as the request wants it.

    A signal is raised at once before that, also in the midst of a pull; once there may be a container it is only noted.

    Args:
        caller: engine and meter.
        request: name, platform, and when to pull.
        config: create body.
        undoing: while it is open, signals are noted.
        wait: put the waiter before the program.

    Raises:
        EngineError: the daemon refused, or the image can't be pulled.
    """
    image, engine = str(config["Image"]), caller.engine

    def fetch(*, missing: bool = True) -> None:
        pull(caller, image, platform=request.platform, quiet=request.quiet, missing=missing)

    def make() -> Created:
        body = config
        if wait:
            found = engine.images.inspect(image)
            body = waiter.behind_waiter(config, found, waiter.provide(caller))
        undoing.enter_context(caller.interrupts.deferred())
        try:
            return engine.containers.create(body, name=request.name, platform=request.platform)
        except APIError:
            undoing.close()
            caller.interrupts.check()
            raise

    if request.pull == "always":
        fetch(missing=False)
    return pulling(make, fetch) if request.pull == "missing" else make()


def _joined(
    caller: Caller,
    addresses: Sequence[str],
    request: CreateRequest,
    created: Created,
    streams: Streams,
    file: IdFile,
    stack: ExitStack,
    *,
    wait: bool,
) -> tuple[AttachedOutput | Session, PendingExit]:
    """Start the user's container and attach it to the network; return its output and exit code to come.

    Raises:
        EngineError: it did not work, and the container is removed again.
    """
    containers, interrupts = caller.engine.containers, caller.interrupts
    held = io.BytesIO()
    code = 1
    try:
        try:
            for warning in created.warnings:
                caller.note(f"WARNING: {warning}")
            file.fill(created.id)
            interrupts.check()
            vanishes = (request.config.get("HostConfig") or {}).get("AutoRemove")
            condition: Condition = "removed" if vanishes else "next-exit"
            try:
                attached = front.listen(caller, created.id, request, streams)  # Podman sets it up here already
                stack.enter_context(attached)
                waiting = stack.enter_context(containers.wait(created.id, condition=condition))
                containers.start(created.id)
            except APIError as error:
                error.exit_code = start_failure_code(error.message)
                raise
            interrupts.check()
            front.fit(caller, created.id, streams)
            # It prints the addresses, which are known here; what run prints is the id.
            code = execute(replace(caller, stdout=io.BytesIO(), stderr=held), ["attach", *addresses, created.id])
        finally:
            if code != 0:
                remove(caller, created.id)
        if code != 0 and wait:
            _check_program(attached, waiting)
        if code != 0:
            raise NotJoined(code)
    except ProgramError:
        held.truncate(0)
        raise
    finally:
        if held.getvalue():
            caller.write(2, held.getvalue())
    return attached, waiting


class NotJoined(Exception):
    """The executor could not attach the container, and has said why.

    Args:
        code: its exit code.
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def _check_program(attached: Output, waiting: PendingExit) -> None:
    """Raise `ProgramError` if a container that is gone ended because its program can't be run."""
    code = waiting.result().code
    if code not in waiter.FAILURES:
        return
    said = b""
    for _, data in attached:
        said = (said + data)[-_LAST_WORDS:]
    lines = said.decode(errors="replace").split("\n")
    for line in reversed(lines):
        if line.startswith(waiter.BEGINNING):
            raise ProgramError(line.removeprefix("weave: ").rstrip("\r"), code)


def start_failure_code(message: str) -> int:
    """Return `docker run`'s exit code for a daemon's refusal to start a container."""
    words = message.lower()
    return next((code for code, signs in START_FAILURE_CODES if any(sign in words for sign in signs)), 125)
