"""Network namespaces: entered, compared and locked.

A namespace is entered in a thread of its own that ends right away, so no thread that does anything else is ever
in a foreign one. Sockets stay in the namespace where they were opened, so that is nearly all there is to do inside.
"""

from __future__ import annotations

import fcntl
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from weave_http.closing import Closing
from weave_http.errors import HostError
from weave_http.signals import held_back

CURRENT = "/proc/thread-self/ns/net"
"""The namespace of whoever opens it."""

_CLONE_NEWNET = 0x40000000
_T = TypeVar("_T")


class Namespace(Closing):
    """An open network namespace; it lives at least until `close`, even when its container dies.

    Args:
        path: a file that names it: `/proc/PID/ns/net`, or a bind mount of one.

    Raises:
        OSError: there is no such file, or it may not be opened.
    """

    def __init__(self, path: str = CURRENT) -> None:
        self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def close(self) -> None:
        """Let it go, and its lock with it. Idempotent."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    @property
    def identity(self) -> tuple[int, int]:
        """What two descriptors of one namespace have in common."""
        status = os.fstat(self.fd)
        return status.st_dev, status.st_ino

    @contextmanager
    def locked(self, *, shared: bool = False) -> Iterator[None]:
        """Hold the namespace's lock; it is the kernel's object that is locked, so all containers see it.

        Args:
            shared: let others in that ask for it shared, too.
        """
        fcntl.flock(self.fd, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self.fd, fcntl.LOCK_UN)

    def call(self, function: Callable[[], _T]) -> _T:
        """Call a function inside and return what it returns, or raise what it raises. Signals wait meanwhile."""
        results: list[_T] = []
        errors: list[BaseException] = []

        def enter() -> None:
            try:
                _setns(self.fd)
                results.append(function())
            except BaseException as error:  # all of it belongs to the caller's thread
                errors.append(error)

        # Starting and joining a thread does not survive an exception from a signal's handler; and what is done inside
        # is a system call or two.
        with held_back(signal.valid_signals()):
            thread = threading.Thread(target=enter, name="netns")
            thread.start()
            thread.join()
        if errors:
            raise errors[0]
        return results[0]


@contextmanager
def host_locked(*, shared: bool = False) -> Iterator[None]:
    """Hold the lock of the current namespace: for its bridge and its firewall.

    Args:
        shared: only keep both from being changed meanwhile.
    """
    with Namespace() as host, host.locked(shared=shared):
        yield


def _setns(fd: int) -> None:
    """Move the calling thread. `os.setns` exists from Python 3.12 only."""
    if hasattr(os, "setns"):
        os.setns(fd, _CLONE_NEWNET)
        return
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(fd, _CLONE_NEWNET) != 0:
        reason = os.strerror(ctypes.get_errno())
        raise HostError(f"can't enter the network namespace: {reason}", hint="the executor must be privileged")
