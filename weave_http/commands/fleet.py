"""The same work on many Docker hosts at once: bounded threads, a caller each, and results as values.

    with open_fleet(os.environ, ["web=tcp://10.0.0.1:2376", "db=tcp://10.0.0.2:2376"]) as fleet:
        for result in fleet.perform(Ps()):
            print(result.host, result.outcome and result.outcome.out, result.error)

A host that fails or hangs doesn't hold the others: whoever has not answered its first question in time is left alone.
A signal, or Ctrl-C in a program of one's own, goes on to every host's command, which undoes what it made; after that
it is raised. The threads are daemons: one that hangs in a call does not keep the process.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from weave_http.closing import Closing
from weave_http.commands.caller import Caller
from weave_http.commands.perform import perform
from weave_http.commands.signals import Holding, Interrupted, Signals
from weave_http.engine import Endpoint
from weave_http.engine.errors import TimedOut
from weave_http.errors import ExitCode, WeaveError, own_fault
from weave_http.operations.operation import Operation
from weave_http.operations.outcome import Outcome

AT_ONCE = 32
"""Hosts worked on at the same time."""
FIRST_ANSWER_SECONDS = 10.0
"""How long a host may need for its first answer, connection and TLS handshake included."""

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Member:
    """A Docker host among many.

    Args:
        name: what it is called in results, once in a fleet.
        endpoint: where its daemon is.
        advertise: name or address at which other hosts' routers reach it; empty if the endpoint is to say.
    """

    name: str
    endpoint: Endpoint
    advertise: str = ""


@dataclass(frozen=True, slots=True)
class Result(Generic[Value]):
    """What came of the work on one host.

    Args:
        host: its name.
        value: what the work returned; None if it failed.
        error: why it failed; None if it did not.
        seconds: how long it took.
    """

    host: str
    value: Value | None = None
    error: WeaveError | None = None
    seconds: float = 0.0

    @property
    def outcome(self) -> Outcome | None:
        """The value, if it is an operation's outcome."""
        return self.value if isinstance(self.value, Outcome) else None

    @property
    def code(self) -> int:
        """The exit code: the error's, the outcome's, or 0."""
        if self.error is not None:
            return self.error.exit_code
        return self.value.code if isinstance(self.value, Outcome) else ExitCode.OK.value


Work = Callable[[Caller], Value]
"""What is done on one host; it is called in a thread of that host's own."""
Opening = Callable[[Member], AbstractContextManager[Caller]]
"""Opens a caller of a host; nothing is sent before its first call."""


class Fleet(Closing):
    """Many Docker hosts. Use it with `with`, or call `close`.

    Args:
        members: the hosts.
        opening: opens a caller of one; it is opened once, by the first work.
        signals: of the process; those of `listening` go on to every host.
        at_once: hosts worked on at the same time.
        patience: seconds for a host's first answer.
    """

    def __init__(
        self,
        members: Sequence[Member],
        opening: Opening,
        *,
        signals: Signals | None = None,
        at_once: int = AT_ONCE,
        patience: float = FIRST_ANSWER_SECONDS,
    ) -> None:
        self.members = tuple(members)
        self._opening = opening
        self._signals = signals or Signals()
        self._at_once = at_once
        self._patience = patience
        self._lines = {member.name: _Line(member, opening) for member in self.members}

    def perform(
        self, operation: Operation, *, ended: Callable[[Result[Outcome]], None] | None = None
    ) -> list[Result[Outcome]]:
        """Have every host do an operation, and return the results in the order of the hosts.

        Args:
            operation: as `Status()`.
            ended: called in this thread with each result, as it comes.

        Raises:
            Interrupted: a signal came.
        """
        return self.each(lambda caller: perform(caller, operation), ended=ended)

    def each(
        self,
        work: Work[Value] | dict[str, Work[Value]],
        *,
        ended: Callable[[Result[Value]], None] | None = None,
    ) -> list[Result[Value]]:
        """Do some work on many hosts, and return the results in the order of the hosts.

        Args:
            work: what to do on every host; or what to do on some, by their names.
            ended: called in this thread with each result, as it comes.

        Raises:
            Interrupted: a signal came; nothing of what was under way is left.
        """
        chosen = work if isinstance(work, dict) else dict.fromkeys(self._lines, work)
        done: queue.SimpleQueue[tuple[_Job[Value], Result[Value]]] = queue.SimpleQueue()
        jobs = {name: _Job(line, chosen[name], done) for name, line in self._lines.items() if name in chosen}
        waiting, running = deque(jobs.values()), set[_Job[Value]]()
        try:
            while waiting or running:
                while waiting and len(running) < self._at_once:
                    running.add(job := waiting.popleft())
                    job.start()
                for job in self._ended(running, done):
                    running.discard(job)
                    if ended is not None:
                        ended(job.result)
        except BaseException as error:
            self._end(running, done, error)
            raise
        return [job.result for job in jobs.values()]

    def _ended(
        self, running: set[_Job[Value]], done: queue.SimpleQueue[tuple[_Job[Value], Result[Value]]]
    ) -> list[_Job[Value]]:
        """Wait until some work is over, or a host has been silent for too long; return which."""
        silent = [job for job in running if not job.line.answered]
        until = min((job.since for job in silent), default=float("inf")) + self._patience - time.monotonic()
        with suppress(queue.Empty):
            job, result = done.get(timeout=max(0.0, until)) if silent else done.get()
            if job not in running:
                return []  # it was given up before
            job.result = result
            return [job]
        late = [job for job in silent if not job.line.answered and job.since + self._patience <= time.monotonic()]
        for job in late:
            job.give_up(TimedOut(f"{job.line.member.endpoint} gave no answer within {self._patience:g} s"))
        return late

    def _end(
        self,
        running: set[_Job[Value]],
        done: queue.SimpleQueue[tuple[_Job[Value], Result[Value]]],
        error: BaseException,
    ) -> None:
        """Have all that runs end in order: it gets the signal, and what holds something on its host is waited for."""
        number = error.exit_code - 128 if isinstance(error, Interrupted) else signal.SIGINT
        left = {job for job in running if job.signals.deliver(number)}
        with self._signals.under(Holding()):
            while left:
                left.discard(done.get()[0])

    def close(self) -> None:
        """Close the connections; those of hosts that hang are left to the end of the process."""
        for line in self._lines.values():
            line.close()


class _Line:
    """The way to one host: its caller, opened once.

    Attributes:
        answered: the host has answered its first question.
    """

    def __init__(self, member: Member, opening: Opening) -> None:
        self.member = member
        self.answered = False
        self.busy = threading.Lock()
        self._opening = opening
        self._scope = ExitStack()
        self._caller: Caller | None = None

    def open(self) -> Caller:
        """Return the caller, whose host has answered."""
        if self._caller is None:
            self._caller = self._scope.enter_context(self._opening(self.member))
        if not self.answered:
            if self.member.endpoint.api_version:
                self._caller.engine.ping()
            assert self._caller.engine.api_version
            self.answered = True
        return self._caller

    def close(self) -> None:
        if self.busy.acquire(blocking=False):
            self._scope.close()


class _Job(Generic[Value]):
    """Some work on one host.

    Attributes:
        signals: what its command sees of the process's.
        since: when it was started, monotonic, in seconds.
        result: once it is over.
    """

    def __init__(
        self, line: _Line, work: Work[Value], done: queue.SimpleQueue[tuple[_Job[Value], Result[Value]]]
    ) -> None:
        self.line = line
        self.signals = Signals()
        self.since = 0.0
        self.result: Result[Value] = Result(line.member.name)
        self._work = work
        self._done = done

    def start(self) -> None:
        """Begin, in a thread."""
        self.since = time.monotonic()
        threading.Thread(target=self._run, name=f"fleet-{self.line.member.name}", daemon=True).start()

    def give_up(self, error: WeaveError) -> None:
        """Let it alone: whatever comes of it later is no matter, and it makes nothing any more."""
        self.signals.deliver(signal.SIGTERM)
        self.result = self._said(None, error)

    def _run(self) -> None:
        value, error = None, None
        with self.line.busy:
            try:
                caller = self.line.open()
                self.signals.check()
                value = self._work(replace(caller, signals=self.signals))
            except WeaveError as raised:
                error = raised
            except Exception as raised:
                error = WeaveError(own_fault(raised, os.environ))
        self._done.put((self, self._said(value, error)))

    def _said(self, value: Value | None, error: WeaveError | None) -> Result[Value]:
        return Result(self.line.member.name, value, error, time.monotonic() - self.since)


def worst(results: Sequence[Result[Value]]) -> int:
    """Return the greatest exit code."""
    return max((result.code for result in results), default=ExitCode.OK.value)
