"""Holds signals back during a call whose answer is needed to undo it, as the id of a new container."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Those that end a command."""


@contextmanager
def held_back() -> Iterator[None]:
    """Let signals to this thread wait; the process that serves several operations gets its own in another thread."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
