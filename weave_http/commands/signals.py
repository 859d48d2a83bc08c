"""Signals of this process: one handler, and a policy that says what becomes of one.

While something stands on the daemon that must be taken away again, a signal must not break off the way out. So a
command says, for a part of itself, what a signal means there: `Undoing`, `Holding`, `Repeating` or `Handing`; anywhere
else it is raised as `Interrupted`.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from weave_http.engine.errors import APIError
from weave_http.errors import EngineError, WeaveError
from weave_http.hints import Any
from weave_http.importing import is_importing

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that ask for the end."""
IMPATIENT = (signal.SIGINT, signal.SIGTERM)
PATIENCE = 3
"""How many of these make an end when the daemon does not answer, as the docker CLI counts."""
SECONDS = 1.0
"""How long a daemon may need at least: a program sends three at once."""
RESEND_SECONDS = 0.25
"""A program that has just been started drops signals until it has a handler, so they are sent again."""
GRACE_SECONDS = 0.2
"""How old a program should be before it gets its first one, which an interpreter that is starting may choke on."""
NOT_HANDED_ON = {
    *(signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, signal.SIGPIPE, signal.SIGURG),
    *(signal.SIGTTIN, signal.SIGTTOU),  # about our own terminal
    *(signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP, signal.SIGSYS),  # about our own code
}


_AGAIN_SECONDS = 0.002
"""When a signal that came in the midst of an import is sent again."""
_WAKING_SECONDS = (0.02, 0.1, 0.5)
"""When the main thread is woken after a signal: it has had time to act on it by itself, and is woken again should it
only then have begun to wait."""
_WAKING = signal.SIGURG
"""What wakes it: nobody sends it to us otherwise, and it is not handed on."""


class Interrupted(WeaveError):
    """A signal ended the command; exit code 128 + signal number.

    Args:
        number: the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__("interrupted")
        self.exit_code = 128 + number


class Unheard(WeaveError):
    """The daemon takes no signal for the container; exit code 128 + signal number.

    Args:
        number: the last signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__("given up, as the daemon takes no signal for the container", hint="the container may run on")
        self.exit_code = 128 + number


class Policy:
    """What becomes of a signal: this one raises it at once."""

    wanted: frozenset[signal.Signals] = frozenset(ENDING)
    """The signals that it is for."""

    def begin(self, waiting: int) -> None:
        """Take over.

        Args:
            waiting: a signal that the policy before noted, or 0.
        """

    def take(self, number: int, waiting: int) -> None:
        """Handle a signal, in the main thread between two instructions.

        Args:
            number: the signal.
            waiting: an earlier one that was noted, or 0.

        Raises:
            WeaveError: the command is to end.
        """
        raise Interrupted(number)

    def end(self, error: BaseException | None) -> None:
        """Let go, because of an error or of none."""


class Undoing(Policy):
    """What was made must be undone in order: the first signal is noted, a second one is raised."""

    def take(self, number: int, waiting: int) -> None:
        """See `Policy.take`."""
        if waiting:
            raise Interrupted(number)


class Holding(Policy):
    """A call must not be broken off, or nobody knows what it made: signals are noted, unless the daemon hangs."""

    def __init__(self) -> None:
        self._patience = _Patience()

    def take(self, number: int, waiting: int) -> None:
        """See `Policy.take`."""
        if self._patience.is_over():
            raise Interrupted(number)


class Repeating(Policy):
    """A signal is sent to a program on the host again and again until the policy ends; a second one is raised.

    Args:
        send: takes the signal's number; called in a thread of its own.
    """

    def __init__(self, send: Callable[[int], None]) -> None:
        self._send = send
        self._sender: threading.Thread | None = None
        self._ended = threading.Event()
        self._since = 0.0

    def begin(self, waiting: int) -> None:
        """See `Policy.begin`."""
        self._since = time.monotonic()
        if waiting:
            self._start(waiting)

    def take(self, number: int, waiting: int) -> None:
        """See `Policy.take`."""
        if waiting:
            raise Interrupted(number)
        self._start(number)

    def end(self, error: BaseException | None) -> None:
        """See `Policy.end`."""
        self._ended.set()
        if self._sender is not None:
            self._sender.join()

    def _start(self, number: int) -> None:
        def keep_sending() -> None:
            pause = max(0.0, self._since + GRACE_SECONDS - time.monotonic())
            while not self._ended.wait(pause):
                self._send(number)
                pause = RESEND_SECONDS

        self._sender = threading.Thread(target=keep_sending, name="signal-sender", daemon=True)
        self._sender.start()


class Handing(Policy):
    """Each signal is handed on once, in their order, by a thread of its own.

    `Unheard` is raised when somebody asks for the end again and again while `send` does not come back.

    Args:
        send: takes a signal's number.
        wanted: which signals.
    """

    def __init__(self, send: Callable[[int], None], wanted: frozenset[signal.Signals]) -> None:
        self.wanted = wanted
        self._send = send
        self._patience = _Patience()
        self._over = False
        self._numbers: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="signal-sender", daemon=True)

    def begin(self, waiting: int) -> None:
        """See `Policy.begin`."""
        self._thread.start()
        if waiting:
            self._numbers.put(waiting)

    def take(self, number: int, waiting: int) -> None:
        """See `Policy.take`."""
        if number not in self.wanted:
            raise Interrupted(number)
        self._numbers.put(number)
        if number in IMPATIENT and self._patience.is_over():
            raise Unheard(number)

    def end(self, error: BaseException | None) -> None:
        """See `Policy.end`."""
        self._numbers.put(0)
        if isinstance(error, Unheard):
            self._over = True
        else:
            self._thread.join()

    def _work(self) -> None:
        while (number := self._numbers.get()) and not self._over:
            try:
                with suppress(APIError):  # it has ended meanwhile
                    self._send(number)
                self._patience = _Patience()
            except EngineError:
                pass  # nobody has heard it


class _Patience:
    """Counts signals in vain."""

    def __init__(self) -> None:
        self._count = 0
        self._since = 0.0

    def is_over(self) -> bool:
        """Count one more, and tell whether these are enough."""
        now = time.monotonic()
        if not self._count:
            self._since = now
        self._count += 1
        return self._count >= PATIENCE and now - self._since >= SECONDS


class Signals:
    """Signals of this process, as commands want them. Does nothing until `listening`.

    Attributes:
        waiting: number of a signal that was noted and is to be acted on, or 0.
    """

    def __init__(self) -> None:
        self.waiting = 0
        self._policy = Policy()
        self._before: dict[signal.Signals, Any] | None = None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Handle the signals of this process for a while, but for those it was started to ignore (nohup).

        Only the main thread can.
        """
        self._before = {}
        with _woken():
            try:
                self._want(frozenset(ENDING))
                yield
            finally:
                self._leave(set())
                self._before = None

    @contextmanager
    def under(self, policy: Policy) -> Iterator[None]:
        """Let a policy, or those it is changed for by `become`, decide for a while."""
        outer = self._policy
        self._policy = policy
        error: BaseException | None = None
        try:
            self._want(policy.wanted)
            policy.begin(self.waiting)
            yield
        except BaseException as raised:
            error = raised
            raise
        finally:
            inner, self._policy = self._policy, outer
            self._leave({*ENDING, *outer.wanted})
            inner.end(error)

    def become(self, policy: Policy) -> None:
        """Change the policy in force for another one; a signal that was noted is handed over."""
        before = self._policy
        self._want(policy.wanted)
        self._policy = policy
        before.end(None)
        policy.begin(self.waiting)

    def deliver(self, number: int) -> bool:
        """Take a signal that another thread has heard, for a command that runs in a thread of its own.

        Args:
            number: the signal.

        Returns:
            Whether the command ends in order by itself. If not, nothing of it stands on the daemon, and `check` keeps
            it from making anything: whoever waits for it need not.
        """
        waiting, self.waiting = self.waiting, number
        try:
            self._policy.take(number, waiting)
        except WeaveError:
            return False
        return True

    def check(self) -> None:
        """Raise `Interrupted` if a signal came in the meantime."""
        if self.waiting:
            raise Interrupted(self.waiting)

    def _want(self, wanted: frozenset[signal.Signals]) -> None:
        """Handle these signals too."""
        if self._before is not None:
            for number in sorted(wanted - self._before.keys()):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._handle)

    def _leave(self, kept: set[signal.Signals]) -> None:
        """Give all signals but these back to whom they belong."""
        for number in [number for number in self._before or () if number not in kept]:
            signal.signal(number, (self._before or {}).pop(number))

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if is_importing(frame):  # an exception would be lost there: it comes again in a moment
            again = threading.Timer(_AGAIN_SECONDS, os.kill, (os.getpid(), number))
            again.daemon = True
            again.start()
            return
        waiting = self.waiting
        if not isinstance(self._policy, Handing):
            self.waiting = number
        self._policy.take(number, waiting)


@contextmanager
def _woken() -> Iterator[None]:
    """Have each signal end the main thread's wait for something, so that it acts on the signal.

    The kernel does so for a wait that has begun in the thread that it gives the signal to. One that comes in the moment
    before the wait, or goes to another thread, would count when the wait is over, which may be never.
    """
    main = threading.get_ident()
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    over = threading.Event()

    def keep_waking() -> None:
        while not over.is_set():
            if set(os.read(reading, 64)) - {_WAKING}:
                for seconds in _WAKING_SECONDS:
                    if not over.wait(seconds):
                        signal.pthread_kill(main, _WAKING)

    before = signal.signal(_WAKING, lambda number, frame: None)
    written_before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    thread = threading.Thread(target=keep_waking, name="signal-waker", daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(written_before)
        over.set()
        os.write(writing, bytes((_WAKING,)))
        thread.join()
        signal.signal(_WAKING, before)
        os.close(reading)
        os.close(writing)


def all_signals() -> frozenset[signal.Signals]:
    """Return the signals that docker run hands on."""
    return frozenset(number for number in signal.Signals if number not in NOT_HANDED_ON)
