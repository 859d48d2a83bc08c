"""Runs `weave` in a fork of a process that has loaded it: for tests that run it hundreds of times.

The interpreter's start and the imports are most of what a command costs, and were a fourth of a whole test run. What a
fork can't show is tested with a process of its own, `python -m weave_http`: start, signals, terminals, variables that
the interpreter itself looks at.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pkgutil import walk_packages
from typing import NoReturn

import weave_http

_OTHER_SIDE = ("host", "local", "net", "router")
"""Packages that no caller loads."""
_INTERPRETERS = ("PYTHON", "LANG", "LC_")
"""How variables begin that the interpreter looks at when it starts."""
_LARGEST, _PIECE = 1 << 17, 1 << 16
_PACKAGE = weave_http.__name__


def run_weave(arguments: Sequence[str], env: Mapping[str, str], timeout: float) -> subprocess.CompletedProcess[bytes]:
    """Run `weave ARGUMENTS…` as `subprocess.run` would, with nothing to read; return what came of it.

    Args:
        arguments: words after `weave`.
        env: its whole environment.
        timeout: seconds that it may take.

    Raises:
        subprocess.TimeoutExpired: it took longer, and was killed.
    """
    command = [sys.executable, "-m", _PACKAGE, *arguments]
    if _of_interpreter(env) != _of_interpreter(os.environ):
        return subprocess.run(
            command, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False
        )
    (out, to_out), (err, to_err), (status, to_status) = os.pipe(), os.pipe(), os.pipe()
    try:
        request = json.dumps([list(arguments), dict(env), os.getcwd()]).encode()
        socket.send_fds(_server(), [request], [to_out, to_err, to_status])
    finally:
        for end in (to_out, to_err, to_status):
            os.close(end)
    read = _read_all((out, err, status), time.monotonic() + timeout)
    pid, *code = read[status].split()
    if not code:
        os.kill(int(pid), signal.SIGKILL)
        raise subprocess.TimeoutExpired(command, timeout, read[out], read[err])
    return subprocess.CompletedProcess(command, int(code[0]), read[out], read[err])


def _of_interpreter(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(_INTERPRETERS)}


def _read_all(ends: Sequence[int], deadline: float) -> dict[int, bytes]:
    """Read pipes until their ends, or the deadline; close them."""
    read = dict.fromkeys(ends, b"")
    is_open = set(ends)
    while is_open and (left := deadline - time.monotonic()) > 0:
        for end in select.select(is_open, (), (), left)[0]:
            piece = os.read(end, _PIECE)
            read[end] += piece
            if not piece:
                is_open.remove(end)
    for end in ends:
        os.close(end)
    return read


@cache
def _server() -> socket.socket:
    """Return the connection to the process that forks for this one, and ends with it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        end = theirs.fileno()
        process = subprocess.Popen([sys.executable, "-m", __name__, str(end)], pass_fds=[end])
    atexit.register(process.wait)
    atexit.register(ours.close)
    return ours


# -- the process that forks ----------------------------------------------------------------------------------


def _serve(channel: socket.socket) -> None:
    """Fork for each request, until there is nobody to make any."""
    for module in walk_packages(weave_http.__path__, f"{_PACKAGE}."):
        if module.name.split(".")[1] not in _OTHER_SIDE:
            import_module(module.name)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        request, ends, _, _ = socket.recv_fds(channel, _LARGEST, 3)
        if not request:
            return
        if os.fork() == 0:
            channel.close()
            _run(request, *ends)
        for end in ends:
            os.close(end)


def _run(request: bytes, out: int, err: int, status: int) -> NoReturn:
    """Run a command in a further fork, and say its process id, and how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        os.close(status)
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.closerange(3, max(out, err, status) + 1)
        _become_weave(*json.loads(request))
    os.close(out)
    os.close(err)
    os.write(status, b"%d " % pid)
    _, ended = os.waitpid(pid, 0)
    os.write(status, b"%d" % os.waitstatus_to_exitcode(ended))
    os._exit(0)


def _become_weave(arguments: list[str], env: dict[str, str], folder: str) -> NoReturn:
    from weave_http.__main__ import run

    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = [f"{weave_http.__path__[0]}/__main__.py", *arguments]
    run()


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
