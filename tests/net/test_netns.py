from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from tests.net.kernel import Space
from weave_http.net.netns import Namespace, host_locked


def _inode() -> int:
    return os.stat("/proc/thread-self/ns/net").st_ino


def test_a_call_is_inside_and_the_caller_stays_outside(spaces: Callable[[], Space]) -> None:
    space, before = spaces(), _inode()
    assert space.namespace.call(_inode) == space.namespace.identity[1] != before
    assert _inode() == before


def test_what_is_raised_inside_is_raised_outside(spaces: Callable[[], Space]) -> None:
    def fail() -> None:
        raise KeyError("inside")

    with pytest.raises(KeyError, match="inside"):
        spaces().namespace.call(fail)


def test_a_socket_stays_where_it_was_opened(spaces: Callable[[], Space]) -> None:
    space = spaces()
    with space.namespace.call(socket.socket) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        address = listener.getsockname()
        with pytest.raises(OSError), socket.create_connection(address):  # noqa: PT011
            pass
        space.namespace.call(lambda: socket.create_connection(address).close())


def test_one_namespace_by_two_paths_is_one_namespace(spaces: Callable[[], Space]) -> None:
    one, two = spaces(), spaces()
    with Namespace(f"/proc/{one.pid}/ns/net") as again:
        assert again.identity == one.namespace.identity != two.namespace.identity


def test_a_missing_namespace_is_an_error_of_the_system() -> None:
    with pytest.raises(FileNotFoundError):
        Namespace("/proc/4194304/ns/net")


_OTHER_PROCESS = """
import sys
from weave_http.net.netns import Namespace
with Namespace(sys.argv[1]) as namespace, namespace.locked(shared=sys.argv[2] == "shared"):
    print("locked", flush=True)
    sys.stdin.read()
"""


def _start(path: str, kind: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _OTHER_PROCESS, path, kind],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_the_lock_holds_between_processes_and_falls_with_its_holder(spaces: Callable[[], Space]) -> None:
    path = f"/proc/{spaces().pid}/ns/net"
    with _start(path, "exclusive") as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        got = threading.Event()

        def take() -> None:
            with Namespace(path) as namespace, namespace.locked():
                got.set()

        waiter = threading.Thread(target=take)
        waiter.start()
        assert not got.wait(0.2)
        holder.kill()
        assert got.wait(5)
        waiter.join()


def test_shared_locks_share(spaces: Callable[[], Space]) -> None:
    path = f"/proc/{spaces().pid}/ns/net"
    with _start(path, "shared") as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        began = time.monotonic()
        with Namespace(path) as namespace, namespace.locked(shared=True):
            assert time.monotonic() - began < 1
        holder.kill()


def test_the_hosts_lock_is_its_namespaces(spaces: Callable[[], Space]) -> None:
    space = spaces()

    def locked() -> None:
        with host_locked(), _start(f"/proc/{space.pid}/ns/net", "exclusive") as other:
            assert other.stdout is not None
            waiting = select.select([other.stdout], [], [], 0.5)[0] == []
            other.kill()
            assert waiting

    space.call(locked)
