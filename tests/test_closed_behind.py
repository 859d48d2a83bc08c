"""Sockets that a thread closes."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator

import pytest

from weave_http.closed_behind import closed_behind, threads_besides


class Slow(socket.socket):
    """A socket that closes only when it may, and knows by whom it was asked to."""

    def __init__(self) -> None:
        super().__init__(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.may, self.closed = threading.Event(), threading.Event()
        self.blocked: set[int] = set()

    def close(self) -> None:
        self.blocked = set(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        self.may.wait(10)
        super().close()
        self.closed.set()


@pytest.fixture
def slow() -> Iterator[Slow]:
    sock = Slow()
    yield sock
    sock.may.set()
    assert sock.closed.wait(10)


def test_the_block_ends_before_the_socket_is_closed(slow: Slow) -> None:
    with closed_behind(slow) as sock:
        assert sock is slow
    assert not slow.closed.is_set()
    slow.may.set()
    assert slow.closed.wait(10)
    assert slow.fileno() == -1


def test_it_is_closed_after_an_error_too(slow: Slow) -> None:
    slow.may.set()
    with pytest.raises(OSError, match="no such device"), closed_behind(slow):
        raise OSError("no such device")
    assert slow.closed.wait(10)


def test_signals_are_left_to_the_main_thread(slow: Slow) -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with closed_behind(slow):
        pass
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
    slow.may.set()
    assert slow.closed.wait(10)
    assert {signal.SIGINT, signal.SIGTERM, signal.SIGHUP} <= slow.blocked


def test_a_thread_that_closes_is_none_of_those_that_are_left_over(slow: Slow) -> None:
    others = threads_besides()
    with closed_behind(slow):
        pass
    assert threads_besides() == others
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    try:
        assert threads_besides() == others + 1
    finally:
        ended.set()
        thread.join()


def test_without_a_thread_it_is_closed_all_the_same(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    slow.may.set()
    with closed_behind(slow):
        assert not slow.closed.is_set()
    assert slow.closed.is_set()
