"""Holds signals back: during a call whose answer is needed to undo it, as the id of a new container, or a start."""

from __future__ import annotations

import signal
from collections.abc import Collection, Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Those that end a command."""


@contextmanager
def held_back(signals: Collection[int] = SIGNALS) -> Iterator[None]:
    """Let signals to this thread wait; the process that serves several operations gets its own in another thread.

    A thread or a process that starts meanwhile holds them back, too, until it says otherwise.

    Args:
        signals: which ones.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
