"""Signals that end a command: raised once, so that what is unfinished is undone, and undone in peace."""

from __future__ import annotations

import signal
from types import FrameType

from weave_http.importing import is_importing
from weave_http.signals import SIGNALS

_AGAIN_SECONDS = 0.002


class Interrupted(BaseException):
    """A signal ended the command. No `Exception`, so that nothing but undoing gets in its way.

    Args:
        number: the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


def listen() -> None:
    """Raise `Interrupted` when the first of the signals comes, and ignore further ones: undoing takes milliseconds.

    The process may be number 1 of its container, for which the kernel drops every signal that has no handler. Or it is
    one of the resident executor's, which was begun with these signals held back.
    """
    for number in SIGNALS:
        signal.signal(number, _raise)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def ignore() -> None:
    """Take no more notice of signals: the command is over."""
    for number in (*SIGNALS, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)


def _raise(number: int, frame: FrameType | None) -> None:
    if is_importing(frame):
        # An exception from nowhere is swallowed there, or leaves the import lock held: try again in a moment.
        signal.signal(signal.SIGALRM, lambda _, later: _raise(number, later))
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)
        return
    ignore()
    raise Interrupted(number)
