"""The same work on many Docker hosts at once: bounded threads, a caller each, and results as values.

    with open_fleet(os.environ, ["web=tcp://10.0.0.1:2376", "db=tcp://10.0.0.2:2376"]) as fleet:
        for result in fleet.perform(Ps()):
            print(result.host, result.outcome and result.outcome.out, result.error)

A host that fails or hangs doesn't hold the others. Whoever has not answered its first question in time is left alone.
Whoever has, but is long about its work, is asked now and then whether it is there, on a connection of its own.
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
from weave_http.records import dataclass, replace

AT_ONCE = 32
"""Hosts worked on at the same time."""
FIRST_ANSWER_SECONDS = 10.0
"""How long a host may need for its first answer, connection and TLS handshake included."""
LATER_ANSWER = 3
"""How many times that one may need which has answered before: it may be busy with what it was asked for."""
LULL_SECONDS = 1.0
"""After so long without any result, whoever shows results may show those there are."""

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
        self,
        operation: Operation,
        *,
        ended: Callable[[Result[Outcome]], None] = lambda _result: None,
        lull: Callable[[], None] = lambda: None,
    ) -> list[Result[Outcome]]:
        """Have every host do an operation, and return the results in the order of the hosts.

        Args:
            operation: as `Status()`.
            ended, lull: see `each`.

        Raises:
            Interrupted: a signal came.
        """
        # One that goes to the resident executor begins with a question that any daemon answers at once.
        return self._each(
            dict.fromkeys(self._lines, lambda caller: perform(caller, operation)),
            ended=ended,
            lull=lull,
            greeted=not operation.goes_warm,
        )

    def each(
        self,
        work: Work[Value] | dict[str, Work[Value]],
        *,
        ended: Callable[[Result[Value]], None] = lambda _result: None,
        lull: Callable[[], None] = lambda: None,
    ) -> list[Result[Value]]:
        """Do some work on many hosts, and return the results in the order of the hosts.

        Args:
            work: what to do on every host; or what to do on some, by their names.
            ended: called in this thread with each result, as it comes.
            lull: called in this thread whenever none has come for a second.

        Raises:
            Interrupted: a signal came; nothing of what was under way is left.
        """
        chosen = work if isinstance(work, dict) else dict.fromkeys(self._lines, work)
        return self._each(chosen, ended=ended, lull=lull, greeted=True)

    def _each(
        self,
        chosen: dict[str, Work[Value]],
        *,
        ended: Callable[[Result[Value]], None],
        lull: Callable[[], None],
        greeted: bool,
    ) -> list[Result[Value]]:
        """See `each`; `greeted` is whether a ping comes before the work, which may take long to its first call."""
        done: queue.SimpleQueue[tuple[_Job[Value], Result[Value]]] = queue.SimpleQueue()
        jobs = {name: _Job(line, chosen[name], done, greeted) for name, line in self._lines.items() if name in chosen}
        waiting, running = deque(jobs.values()), set[_Job[Value]]()
        try:
            while waiting or running:
                while waiting and len(running) < self._at_once:
                    running.add(job := waiting.popleft())
                    job.start()
                over = self._ended(running, done)
                for job in over:
                    running.discard(job)
                    ended(job.result)
                if not over:
                    lull()
        except BaseException as error:
            self._end(running, done, error)
            raise
        return [job.result for job in jobs.values()]

    def _ended(
        self, running: set[_Job[Value]], done: queue.SimpleQueue[tuple[_Job[Value], Result[Value]]]
    ) -> list[_Job[Value]]:
        """Wait a while until some work is over, or a host has been silent for too long; return which, if any."""
        for job in running:
            job.line.look_after(job.since, self._patience)
        until = min((job.until(self._patience) for job in running), default=float("inf")) - time.monotonic()
        with suppress(queue.Empty):
            job, result = done.get(timeout=min(max(0.0, until), LULL_SECONDS))
            if job not in running:
                return []  # it was given up before
            job.result = result
            return [job]
        late = [job for job in running if job.until(self._patience) <= time.monotonic()]
        for job in late:
            job.give_up(self._patience)
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
                left.difference_update(self._ended(left, done))

    def close(self) -> None:
        """Close the connections; those of hosts that hang are closed when their work ends, if ever."""
        for line in self._lines.values():
            line.close()


class _Line:
    """The way to one host: its caller, opened once.

    Attributes:
        asked: since when the host owes an answer to whether it is there: monotonic, in seconds; or infinite.
        busy: held while there is work.
    """

    def __init__(self, member: Member, opening: Opening) -> None:
        self.member = member
        self.asked = float("inf")
        self.busy = threading.Lock()
        self._opening = opening
        self._scope = ExitStack()
        self._caller: Caller | None = None
        self._heard = 0.0
        self._is_closed = False

    @property
    def answered(self) -> bool:
        """Whether the host has answered its first question."""
        return self._caller is not None and self._caller.engine.answered

    def open(self, *, greeted: bool) -> Caller:
        """Return the caller; if `greeted`, its host has answered."""
        if self._caller is None:
            self._caller = self._scope.enter_context(self._opening(self.member))
        if greeted and not self.answered:
            if self.member.endpoint.api_version:
                self._caller.engine.ping()
            assert self._caller.engine.api_version  # negotiated by a ping
        return self._caller

    def look_after(self, since: float, patience: float) -> None:
        """Ask a host that has answered once, and not been heard for a while, whether it is there."""
        now = time.monotonic()
        if self.answered and self.asked > now and now - max(since, self._heard) > patience:
            self.asked = now
            threading.Thread(target=self._ask, name=f"ask-{self.member.name}", daemon=True).start()

    def _ask(self) -> None:
        try:
            with self._opening(self.member) as caller:
                caller.engine.ping()
        except TimedOut:
            return
        except WeaveError:
            pass  # that is an answer, and the work will have another like it
        self._heard, self.asked = time.monotonic(), float("inf")

    def close(self) -> None:
        """Close the connection, or have that done by the work on it once that is over."""
        self._is_closed = True
        self.tidy()

    def tidy(self) -> None:
        """Close the connection if it is to be closed and nothing is under way on it."""
        if self._is_closed and self.busy.acquire(blocking=False):
            self._scope.close()


class _Job(Generic[Value]):
    """Some work on one host.

    Attributes:
        signals: what its command sees of the process's.
        since: when it was started, monotonic, in seconds.
        result: once it is over.
    """

    def __init__(
        self,
        line: _Line,
        work: Work[Value],
        done: queue.SimpleQueue[tuple[_Job[Value], Result[Value]]],
        greeted: bool,
    ) -> None:
        self.line = line
        self.signals = Signals()
        self.since = 0.0
        self.result: Result[Value] = Result(line.member.name)
        self._work = work
        self._done = done
        self._greeted = greeted

    def start(self) -> None:
        """Begin, in a thread."""
        self.since = time.monotonic()
        threading.Thread(target=self._run, name=f"fleet-{self.line.member.name}", daemon=True).start()

    def until(self, patience: float) -> float:
        """Return when it is to be given up unless its host is heard, monotonic, in seconds; may be infinite."""
        return self.line.asked + LATER_ANSWER * patience if self.line.answered else self.since + patience

    def give_up(self, patience: float) -> None:
        """Let it alone: whatever comes of it later is no matter, and it makes nothing any more."""
        self.signals.deliver(signal.SIGTERM)
        endpoint = self.line.member.endpoint
        if self.line.answered:
            error = TimedOut(
                f"{endpoint} has stopped answering", hint="what was under way there may be done or not: do it again"
            )
        else:
            error = TimedOut(f"{endpoint} gave no answer within {patience:g} s")
        self.result = self._said(None, error)

    def _run(self) -> None:
        value, error = None, None
        with self.line.busy:
            try:
                caller = self.line.open(greeted=self._greeted)
                self.signals.check()
                value = self._work(replace(caller, signals=self.signals))
            except WeaveError as raised:
                error = raised
            except Exception as raised:
                error = WeaveError(own_fault(raised, os.environ))
        self.line.tidy()
        self._done.put((self, self._said(value, error)))

    def _said(self, value: Value | None, error: WeaveError | None) -> Result[Value]:
        return Result(self.line.member.name, value, error, time.monotonic() - self.since)


def worst(results: Sequence[Result[Value]]) -> int:
    """Return the greatest exit code."""
    return max((result.code for result in results), default=ExitCode.OK.value)
