"""Ctrl-C and SIGTERM, without leaving a container behind.

While something stands on the daemon that must be taken away again, a signal is only noted, and handed to whoever
said where it should go (the executor's process, through the API). Whoever sends a second one is impatient: it is
raised at once, and the way out still removes what was made. At any other time the first one is raised.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from weave_http.errors import WeaveError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

RESEND_SECONDS = 0.25
"""A program that has just been started drops signals until it has a handler, so they are sent again."""
GRACE_SECONDS = 0.2
"""How old a program should be before it gets its first one, which an interpreter that is starting may choke on."""


class Interrupted(WeaveError):
    """A signal ended the command; exit code 128 + signal number.

    Args:
        number: the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__("interrupted")
        self.exit_code = 128 + number


class Interrupts:
    """Signals of this process, as commands want them. Does nothing until `listening`.

    Attributes:
        received: number of the signal that is waiting to be acted on, or 0.
    """

    def __init__(self) -> None:
        self.received = 0
        self._deferring = False
        self._forward: Callable[[int], None] | None = None
        self._sender: threading.Thread | None = None
        self._ended = threading.Event()
        self._since = 0.0

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Handle the signals of this process for a while, but for those it was started to ignore (nohup).

        Only the main thread can.
        """
        heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        before = {number: signal.signal(number, self._handle) for number in heard}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Note the first signal instead of raising it: inside, something must be undone in order."""
        outermost = not self._deferring
        self._deferring = True
        try:
            yield
        finally:
            if outermost:
                self._deferring = False

    @contextmanager
    def forwarded(self, send: Callable[[int], None]) -> Iterator[None]:
        """Hand signals to `send`, again and again until the block ends.

        Args:
            send: takes the signal's number; called in a thread of its own.
        """
        self._ended.clear()
        self._forward = send
        self._since = time.monotonic()
        if self.received:
            self._start_sending()
        try:
            yield
        finally:
            self._forward = None
            self._ended.set()
            if self._sender is not None:
                self._sender.join()
                self._sender = None

    def check(self) -> None:
        """Raise `Interrupted` if a signal came in the meantime."""
        if self.received:
            raise Interrupted(self.received)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        impatient = self.received != 0
        self.received = number
        if impatient or not self._deferring:
            raise Interrupted(number)
        if self._forward is not None:
            self._start_sending()

    def _start_sending(self) -> None:
        send = self._forward
        if send is None or self._sender is not None:
            return

        def keep_sending() -> None:
            pause = max(0.0, self._since + GRACE_SECONDS - time.monotonic())
            while not self._ended.wait(pause):
                send(self.received)
                pause = RESEND_SECONDS

        self._sender = threading.Thread(target=keep_sending, name="signal-forwarder", daemon=True)
        self._sender.start()
