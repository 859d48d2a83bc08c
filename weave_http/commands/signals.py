"""Signals of this process handed on to a container, as docker run does."""

from __future__ import annotations

import queue
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Self

from weave_http.errors import EngineError

NOT_HANDED_ON = {
    *(signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, signal.SIGPIPE, signal.SIGURG),
    *(signal.SIGTTIN, signal.SIGTTOU),  # about our own terminal
    *(signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP, signal.SIGSYS),  # about our own code
}


class SignalProxy:
    """While it is entered, signals go to `send`, each once and in their order, in a thread of its own.

    Signals that the process was started to ignore stay ignored. Only the main thread can enter it.

    Args:
        send: takes a signal's number.
        which: the signals.
    """

    def __init__(self, send: Callable[[int], None], which: set[signal.Signals]) -> None:
        self._send = send
        self._which = which
        self._before: dict[int, object] = {}
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
        self._thread.join()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._numbers.put(number)

    def _work(self) -> None:
        while number := self._numbers.get():
            with suppress(EngineError):  # it has ended meanwhile
                self._send(number)


def all_signals() -> set[signal.Signals]:
    """Return the signals that docker run hands on."""
    return {number for number in signal.Signals if number not in NOT_HANDED_ON}
