"""The resident executor: `weave --resident IMAGE`, the container that does operations without a container for each.

It reads frames from stdin and writes frames to stdout (`weave_http.operations.frames`). What operations need is
imported before the first call. For each call there is a process, which does what `weave --local` does, so that a crash,
a signal or another network namespace is that process's alone. What it says comes over one socket, so that the order of
stdout and stderr is kept. A fork, and the memory that is copied after it, takes longer than most operations. So one
process that is done, and well, is kept for the next call (`weave_http.local.child`); further ones end.

Its stdin belongs to all callers, and whoever is attached sees all of its stdout, so:

* A call is announced, answered by `ready`, and begun only by `go`. A caller who hears nothing knows that nothing is
  done.
* The daemon passes output on to all who are attached. For one who does not read it keeps some of it; after that it
  waits for him, nobody can attach any more, and the container can't even end. So the resident ends long before it has
  said so much, once what was begun is done, and the daemon starts it again, without those who were attached.
* Podman closes the container's end of a pipe as soon as one caller leaves, but not a terminal's: there stdin and stdout
  are a terminal, which is told to pass every byte as it is.
* A daemon that was started anew while containers live on has another socket than the one that is mounted here. Then
  the resident ends as well: starting again finds it.
"""

from __future__ import annotations

import gc
import json
import os
import pkgutil
import select
import signal
import socket
import termios
import time
import tty
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module

from weave_http import __version__, constants
from weave_http.hints import Any, TypeGuard
from weave_http.local import child
from weave_http.operations import frames
from weave_http.operations.frames import Frame
from weave_http.printable import is_text
from weave_http.records import dataclass
from weave_http.signals import SIGNALS, held_back

GO_SECONDS = 5.0
"""For how long a call waits for its `go`."""
ALIVE_SECONDS = 5.0
"""How often a caller hears that its operation goes on."""
MOST_SAID = 512 * 1024
"""Bytes of output, after which the resident starts anew: Docker keeps 1,000,000 for somebody who does not read."""
MOST_AT_TERMINAL = 96 * 1024
ROOM_OF_FRAME = 512
"""The same on Podman, and how many bytes a frame counts beside its own: what somebody does not read is kept in the
buffers of two sockets, where short messages take more room. They were full after 45 kB in frames of 95 bytes."""
LEAST_LIFE = 11.0
"""Seconds: a container that ended within 10 s, Docker starts again later and later."""
STUCK_SECONDS = 10.0
"""For how long stdout may take nothing; then what was to be said is dropped."""
LAST_SECONDS = 60.0
"""How long operations have that were begun when the resident is to end."""
MOST_CALLS = 256
CALLS_OF_ONE = 256
"""Calls that one process does; then a new one does the next."""
_MOST_UNSENT = 1024 * 1024
"""Bytes for stdout, from which on no more is read of what operations say."""
_PIECE = 65536
_PACKAGES = ("weave_http.host", "weave_http.net", "weave_http.operations")
_MODULES = ("client", "connecting", "images", "networks", "system", "volumes", "wire.pool")
"""What operations import when they need it."""


def main(argv: Sequence[str]) -> int:
    """Serve calls from stdin until it ends; return the exit code.

    Args:
        argv: the reference of the image that this runs in, as callers name it.
    """
    if os.isatty(0):
        tty.setraw(0, termios.TCSANOW)  # which keeps what was written by now
    prepare()
    return Resident(0, 1, argv[0] if argv else constants.DEFAULT_IMAGE).serve()


def prepare() -> None:
    """Import what operations need, and have children share it."""
    for name in _PACKAGES:
        package = import_module(name)
        for module in pkgutil.iter_modules(package.__path__, f"{name}."):
            import_module(module.name)
    for name in _MODULES:
        import_module(f"weave_http.engine.{name}")
    gc.collect()
    gc.freeze()


@dataclass(slots=True)
class _Call:
    """A call that was announced, and perhaps begun.

    Args:
        words: of the operation.
        environ: environment variables for it.
        until: when it is forgotten unless it is begun.
        worker: what does it, once it is begun.
    """

    words: list[str]
    environ: dict[str, str]
    until: float
    worker: _Worker | None = None


@dataclass(slots=True)
class _Worker:
    """A process that does calls.

    Args:
        pid: of the process.
        channel: to it.
        begun: calls that it was given.
        call: the id of the one that it does; empty for none.
        status: of its end, once it has ended.
        is_signalled: whether a signal was sent to it, which might come late, and to another call.
    """

    pid: int
    channel: socket.socket
    begun: int = 0
    call: str = ""
    status: int | None = None
    is_signalled: bool = False


class Resident:
    """Serves calls, in one thread.

    Args:
        stdin: descriptor that frames are read from.
        stdout: descriptor that frames are written to.
        image: reference of the image that this runs in.
    """

    def __init__(self, stdin: int, stdout: int, image: str) -> None:
        self._stdin = stdin
        self._stdout = stdout
        self._image = image
        self._decoder = frames.Decoder()
        self._calls: dict[str, _Call] = {}
        self._workers: dict[int, _Worker] = {}
        self._unsent = bytearray()
        self._begun = self._moved = self._told = time.monotonic()
        self._not_before = 0.0
        self._end: float | None = None
        self._said = 0
        at_terminal = os.isatty(stdout)
        self._most_said = MOST_AT_TERMINAL if at_terminal else MOST_SAID
        self._room = ROOM_OF_FRAME if at_terminal else 0
        self._least_life = 0.0 if at_terminal else LEAST_LIFE
        self._is_unheard = False

    def serve(self) -> int:
        """Serve until stdin ends, a signal asks for the end, or enough was said; return the exit code."""
        for descriptor in (self._stdin, self._stdout):
            os.set_blocking(descriptor, False)
        waking, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in (*SIGNALS, signal.SIGCHLD):
            signal.signal(number, self._note)
        while not self._is_over():
            for descriptor in self._wait(waking):
                if descriptor == waking:
                    os.read(waking, _PIECE)
                elif descriptor == self._stdin:
                    self._hear()
                elif descriptor in self._workers:
                    self._pass_on(self._workers[descriptor])
            self._send()
            self._look_after(time.monotonic())
        return 0

    def _note(self, number: int, _frame: object) -> None:
        if number != signal.SIGCHLD:
            self._close()
            self._not_before = 0.0

    def _close(self, not_before: float = 0.0) -> None:
        """Take no more calls, and end when those are done that were begun, and not before a moment."""
        if self._end is None:
            self._end = time.monotonic() + LAST_SECONDS
            self._not_before = not_before

    def _is_over(self) -> bool:
        if self._end is None:
            return False
        now = time.monotonic()
        return now > self._end or (now > self._not_before and not (self._calls or self._unsent))

    def _wait(self, waking: int) -> list[int]:
        """Wait for something to do, for a second at most where time matters; return the descriptors."""
        poll = select.poll()
        poll.register(waking, select.POLLIN)
        if not self._is_unheard:
            poll.register(self._stdin, select.POLLIN)
        if self._unsent:
            poll.register(self._stdout, select.POLLOUT)
        if len(self._unsent) < _MOST_UNSENT:
            for descriptor in self._workers:
                poll.register(descriptor, select.POLLIN)
        idle = not (self._calls or self._unsent or self._end)
        return [descriptor for descriptor, _ in poll.poll(None if idle else 1000)]

    # -- what callers say ----------------------------------------------------------------------------------

    def _hear(self) -> None:
        try:
            data = os.read(self._stdin, _PIECE)
        except BlockingIOError:
            return
        except OSError:  # the other end of a terminal is closed
            data = b""
        if not data:
            self._is_unheard = True
            self._close()
        for frame in self._decoder.feed(data):
            self._take(frame["id"], frame)

    def _take(self, identity: str, frame: Frame) -> None:
        """Do what a frame asks for; one that makes no sense is nobody's order."""
        call = self._calls.get(identity)
        if call is None and "call" in frame:
            if self._end is not None or len(self._calls) >= MOST_CALLS:
                self._say(identity, ready={})  # not now
                return
            asked = frame["call"] if isinstance(frame["call"], dict) else {}
            words, environ = asked.get("words"), asked.get("env")
            if is_cut_off():
                self._close()
            elif _are_texts(words) and isinstance(environ, dict) and _are_texts(list(environ.values())):
                self._calls[identity] = _Call(words, environ, time.monotonic() + GO_SECONDS)
                self._say(identity, ready={"version": __version__, "image": self._image})
        elif call is not None and call.worker is None and frame.get("go") is True:
            self._begin(identity, call)
        elif call is not None and call.worker is not None and frame.get("signal") in SIGNALS:
            call.worker.is_signalled = True
            if call.worker.status is None:
                os.kill(call.worker.pid, frame["signal"])

    def _begin(self, identity: str, call: _Call) -> None:
        """Have a call done by a process that does nothing else meanwhile."""
        told = json.dumps({"words": call.words, "env": call.environ}).encode("ascii")
        worker = next((each for each in self._workers.values() if not each.call), None)
        if worker is not None:
            try:
                worker.channel.sendall(told)
            except OSError:  # somebody has killed it
                worker = None
        if worker is None:
            worker = self._fork()
            worker.channel.sendall(told)
        worker.call, worker.begun = identity, worker.begun + 1
        call.worker = worker

    def _fork(self) -> _Worker:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # A signal that comes early waits until the child can take it.
        with held_back():
            pid = os.fork()
            if not pid:
                for channel in (ours, *(each.channel for each in self._workers.values())):
                    channel.close()  # so that each hears of this process's end, whoever lives on
                child.work(theirs)
        theirs.close()
        ours.setblocking(False)
        worker = self._workers[ours.fileno()] = _Worker(pid, ours)
        return worker

    # -- what operations say -------------------------------------------------------------------------------

    def _pass_on(self, worker: _Worker) -> None:
        """Read what an operation said, and say it; at its end, its exit code."""
        try:
            data = worker.channel.recv(child.LONGEST)
        except BlockingIOError:
            return
        except ConnectionResetError:  # it ended before it had read its call
            data = b""
        if data and data[0] != child.DONE:
            for piece in frames.said(worker.call, data[0], data[1:]):
                self._queue(piece)
            return
        identity, worker.call = worker.call, ""
        idle = [each for each in self._workers.values() if not each.call]
        code = 0
        if not data or len(idle) > 1 or worker.is_signalled or worker.begun >= CALLS_OF_ONE:
            del self._workers[worker.channel.fileno()]
            worker.channel.close()
        if not data:
            status = os.waitpid(worker.pid, 0)[1] if worker.status is None else worker.status
            code = os.waitstatus_to_exitcode(status)
        if identity:
            del self._calls[identity]
            self._say(identity, end=code if code >= 0 else 128 - code)

    # -- stdout --------------------------------------------------------------------------------------------

    def _say(self, identity: str, **values: Any) -> None:
        self._queue(frames.encode({"id": identity, **values}))

    def _queue(self, data: bytes) -> None:
        if not self._unsent:
            self._moved = time.monotonic()
        self._unsent += data
        self._said += len(data) + self._room
        if self._said > self._most_said:
            self._close(self._begun + self._least_life)

    def _send(self) -> None:
        with suppress(BlockingIOError):
            while self._unsent:
                try:
                    count = os.write(self._stdout, self._unsent)
                except BlockingIOError:
                    raise
                except OSError:  # nobody is there to read, nor will be
                    self._close()
                    count = len(self._unsent)
                del self._unsent[:count]
                self._moved = time.monotonic()

    # -- time ----------------------------------------------------------------------------------------------

    def _look_after(self, now: float) -> None:
        """Do what is due: forget calls, say that others go on, notice that stdout is stuck, bury orphans."""
        for identity in [name for name, call in self._calls.items() if call.worker is None and now > call.until]:
            del self._calls[identity]
        if now - self._told > ALIVE_SECONDS:
            self._told = now
            for identity in [each.call for each in self._workers.values() if each.call]:
                self._say(identity, alive=True)
        if self._unsent and now - self._moved > STUCK_SECONDS:
            self._unsent.clear()
        self._bury()

    def _bury(self) -> None:
        """Take the exit codes of those that have ended: of workers, and of what killed ones left behind."""
        workers = {worker.pid: worker for worker in self._workers.values()}
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
                if ended[0] in workers:
                    workers[ended[0]].status = ended[1]


def is_cut_off(path: str = constants.DOCKER_SOCKET) -> bool:
    """Tell whether a daemon's socket leads nowhere: the daemon has ended, or has made a new one."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return True
        except OSError:
            pass  # it is busy, or there never was one
    return False


def _are_texts(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(each, str) and is_text(each) for each in value)
