"""A container that is started with `docker run`'s arguments and joined to the network, or of which nothing is left.

The exception among the operations, as in Weave: the container is the caller's own, so it is created and started by
calls from here; only joining it is the executor's work. Its program waits meanwhile, see `holder`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from enum import IntEnum

from weave_http.addresses import Wanted
from weave_http.commands import holder
from weave_http.commands.caller import Caller
from weave_http.commands.containers import create, pulling, remove
from weave_http.commands.foreground import Front
from weave_http.commands.id_file import id_file
from weave_http.commands.perform import perform
from weave_http.commands.pull import pull
from weave_http.engine import Created
from weave_http.engine.containers import Condition
from weave_http.engine.errors import APIError
from weave_http.engine.exits import PendingExit
from weave_http.engine.interactive import Session
from weave_http.engine.output import AttachedOutput
from weave_http.errors import EngineError
from weave_http.operations.create_body import WAITER_FAILURES, WAITER_SAYS, behind_waiter, check_network, marked
from weave_http.operations.joining import Attach
from weave_http.operations.outcome import Outcome
from weave_http.records import replace
from weave_http.run_args import CreateRequest
from weave_http.sinks import NOWHERE

START_FAILURE_CODES = (
    (126, ("permission denied", "is a directory")),
    (127, ("executable file not found", "no such file or directory")),
)
"""Exit codes of `docker run` that are only to be told from the words of the daemon's refusal to start."""
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
    caller: Caller, addresses: Sequence[Wanted], request: CreateRequest, *, wait: bool = True, foreground: bool = False
) -> Outcome:
    """Create and start a container and attach it; print its id, or be it until it ends.

    If anything fails or is interrupted before it is attached, it is removed again: no container is left running
    without the network it was asked to have.

    Args:
        caller: engine, streams and environment.
        addresses: of its interface.
        request: what to create, from `weave_http.run_args.parse`.
        wait: keep the container's program from running before the container is on the network.
        foreground: attach the caller's streams, and return the container's exit code.

    Raises:
        EngineError: the daemon refused to create or start it.
        WeaveError: the request can't be done like this.
    """
    check_network(request.config)
    said: list[tuple[int, bytes]] = []
    heard = caller if foreground else caller.overheard(said)
    return Outcome(ContainerRun(heard, addresses, request, wait=wait, foreground=foreground).perform(), tuple(said))


class State(IntEnum):
    """How far a run has come."""

    NONE = 0
    CREATED = 1
    STARTED = 2
    JOINED = 3
    KEPT = 4


class ContainerRun:
    """One container on its way to the network; arguments as for `run_container`.

    Attributes:
        state: how far it is. What is created and not kept is removed at the end.
    """

    def __init__(
        self, caller: Caller, addresses: Sequence[Wanted], request: CreateRequest, *, wait: bool, foreground: bool
    ) -> None:
        self.state = State.NONE
        self._caller = caller
        self._containers = caller.engine.containers
        self._addresses = tuple(addresses)
        self._request = request
        self._wait = wait
        self._foreground = foreground
        self._front = Front.of(caller, request) if foreground else Front.output_only(caller, request)
        self._created = Created("", ())
        self._attached: AttachedOutput | Session
        self._ending: PendingExit

    def perform(self) -> int:
        """Bring it there, and return an exit code: the executor's, or that of a container in the foreground."""
        caller, request = self._caller, self._request
        if self._foreground:
            self._front.check()
        for warning in request.warnings:
            caller.note(f"WARNING: {warning}")
        with ExitStack() as streams, id_file(caller.id_files, request.cidfile) as file, ExitStack() as scope:
            try:
                self._create(scope)
                file.fill(self._created.id)
                self._start(streams)
                if code := self._join():
                    return code
                self.state = State.KEPT
                file.keep()
            finally:
                if State.NONE < self.state < State.KEPT:
                    remove(caller, self._created.id)
            if not self._foreground:
                caller.say(self._created.id)
                return 0
            caller.signals.become(self._front.signals(self._created.id))
            if not self._front.stdout and not self._front.stderr:
                caller.say(self._created.id)
            return self._front.converse(self._attached, self._ending)

    def _create(self, scope: ExitStack) -> None:
        """Create it, its image pulled as the request wants it.

        A signal is raised at once before that, also in the midst of a pull; once there is a container it is noted.

        Args:
            scope: open while signals are noted.

        Raises:
            EngineError: the daemon refused, or the image can't be pulled.
        """
        caller, request = self._caller, self._request
        config = marked(self._front.told(request.config) if self._foreground else request.detached().config)
        image = str(config["Image"])

        def fetch(*, missing: bool = True) -> None:
            pull(caller, image, platform=request.platform, quiet=request.quiet, missing=missing)

        def make() -> Created:
            body = config
            if self._wait:
                found = caller.engine.images.inspect(image)
                body = behind_waiter(config, found, holder.provide(caller))
            return create(caller, body, scope, name=request.name, platform=request.platform)

        if request.pull == "always":
            fetch(missing=False)
        self._created = pulling(make, fetch) if request.pull == "missing" else make()
        self.state = State.CREATED
        for warning in self._created.warnings:
            caller.note(f"WARNING: {warning}")

    def _start(self, streams: ExitStack) -> None:
        """Listen to it, and start it.

        Args:
            streams: open as long as it is listened to.

        Raises:
            EngineError: the daemon refused; the exit code is docker run's.
            Interrupted: a signal came in the meantime.
        """
        caller, identity = self._caller, self._created.id
        caller.signals.check()
        vanishes = (self._request.config.get("HostConfig") or {}).get("AutoRemove")
        condition: Condition = "removed" if vanishes else "next-exit"
        try:
            self._attached = self._front.listen(identity)  # Podman sets it up here already
            streams.enter_context(self._attached)
            self._ending = streams.enter_context(self._containers.wait(identity, condition=condition))
            self._containers.start(identity)
        except APIError as error:
            error.exit_code = start_failure_code(error.message)
            raise
        self.state = State.STARTED
        caller.signals.check()
        self._front.fit(identity)

    def _join(self) -> int:
        """Have the executor attach it, and return its exit code. What it says is shown, unless the program is to blame.

        Raises:
            ProgramError: there was nothing to attach, as the program can't be run.
        """
        caller, identity = self._caller, self._created.id
        outcome = perform(
            replace(caller, stdout=NOWHERE, stderr=NOWHERE), Attach(addresses=self._addresses, container=identity)
        )
        if outcome.ok:
            self.state = State.JOINED
        else:
            remove(caller, identity)
            self.state = State.NONE
            if self._wait:
                self._check_program()
        for stream, data in outcome.said:
            if stream == 2:
                caller.write(2, data)
        return outcome.code

    def _check_program(self) -> None:
        """Raise `ProgramError` if a container that is gone ended because its program can't be run."""
        code = self._ending.result().code
        if code not in WAITER_FAILURES:
            return
        said = b""
        for _, data in self._attached:
            said = (said + data)[-_LAST_WORDS:]
        lines = said.decode(errors="replace").split("\n")
        for line in reversed(lines):
            if line.startswith(WAITER_SAYS):
                raise ProgramError(line.removeprefix("weave: ").rstrip("\r"), code)


def start_failure_code(message: str) -> int:
    """Return `docker run`'s exit code for a daemon's refusal to start a container."""
    words = message.lower()
    return next((code for code, signs in START_FAILURE_CODES if any(sign in words for sign in signs)), 125)
