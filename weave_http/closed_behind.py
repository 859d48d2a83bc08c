"""Sockets that the kernel takes long to close: a thread does it, and nobody waits.

To close a packet socket, or one of nf_tables by which something was changed, the kernel waits until no processor looks
at what was there before (an RCU grace period): 10 to 16 ms each, a third of an attach, when all that matters is done.
"""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from weave_http.signals import held_back

_NAME = "close"


@contextmanager
def closed_behind(sock: socket.socket) -> Iterator[socket.socket]:
    """Close a socket after the block, in a thread that takes no signals; one for each socket, for milliseconds."""
    try:
        yield sock
    finally:
        # A handler runs in the main thread only, which a signal must reach to wake it.
        with held_back(signal.valid_signals()):
            try:
                threading.Thread(target=sock.close, name=_NAME, daemon=True).start()
            except RuntimeError:  # there can be no more threads, or this program is about to end
                sock.close()


def threads_besides() -> int:
    """Return how many threads there are that are neither the main one nor close a socket."""
    return sum(thread is not threading.main_thread() and thread.name != _NAME for thread in threading.enumerate())
