"""Signals of this process handed on to a container, as docker run does."""

from __future__ import annotations

import queue
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Self

from weave_http.engine.errors import APIError
from weave_http.errors import EngineError, WeaveError

NOT_HANDED_ON = {
    *(signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, signal.SIGPIPE, signal.SIGURG),
    *(signal.SIGTTIN, signal.SIGTTOU),  # about our own terminal
    *(signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP, signal.SIGSYS),  # about our own code
}


IMPATIENT = (signal.SIGINT, signal.SIGTERM)
PATIENCE = 3
"""How many of them make an end when the daemon takes none, as the docker CLI counts."""
SECONDS = 1.0
"""How long a daemon may need for the first of them: a program sends three at once."""


class Unheard(WeaveError):
    """The daemon takes no signal for the container; exit code 128 + signal number.

    Args:
        number: the last signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__("given up, as the daemon takes no signal for the container", hint="the container may run on")
        self.exit_code = 128 + number


class SignalProxy:
    """While it is entered, signals go to `send`, each once and in their order, in a thread of its own.

    Signals that the process was started to ignore stay ignored. Only the main thread can enter it, and there `Unheard`
    is raised when somebody asks for the end again and again while `send` does not come back.

    Args:
        send: takes a signal's number.
        which: the signals.
    """

    def __init__(self, send: Callable[[int], None], which: set[signal.Signals]) -> None:
        self._send = send
        self._which = which
        self._before: dict[int, object] = {}
        self._unheard = 0
        self._since = 0.0
        self._over = False
        self._numbers: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="signal-proxy", daemon=True)

    def put(self, number: int) -> None:
        """Hand on a signal that came before."""
        self._numbers.put(number)

    def __enter__(self) -> Self:
        self._thread.start()
        for number in self._which:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._numbers.put(0)
        if isinstance(error, Unheard):
            self._over = True
        else:
            self._thread.join()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._numbers.put(number)
        if number not in IMPATIENT:
            return
        now = time.monotonic()
        if not self._unheard:
            self._since = now
        self._unheard += 1
        if self._unheard >= PATIENCE and now - self._since >= SECONDS:
            raise Unheard(number)

    def _work(self) -> None:
        while (number := self._numbers.get()) and not self._over:
            try:
                with suppress(APIError):  # it has ended meanwhile
                    self._send(number)
                self._unheard = 0
            except EngineError:
                pass  # nobody has heard it


def all_signals() -> set[signal.Signals]:
    """Return the signals that docker run hands on."""
    return {number for number in signal.Signals if number not in NOT_HANDED_ON}
