"""What the two packages' transports share: they carry a request with an answer, by the packages' documented API alone.

The packages give some of the contract's guarantees and not others; those are kept from outside:

    silence              the packages' own read time-outs
    time for the whole   neither has one, and neither can be stopped while it waits for a head, skips interim responses
                         or reads a trailer. A `Patience.QUICK` request is made in a thread, response included, which is
                         left alone when the time is over; its connection ends when the daemon lets go of it, or with
                         the process.
    size                 what a quick response has beyond 64 MiB is not read
    a dead connection    is not told from a new one that died: after a first response, a request that can be repeated
                         is sent once more when the connection ended without an answer

They can't give a connection away, half-close one, look for an answer while they send, or send many requests before they
read: `hijack`, uploads and `send_all` are not here, see `engine.connecting`.
"""

from __future__ import annotations

import ssl
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeVar

from weave_http.engine.address import Endpoint
from weave_http.engine.errors import TransportError
from weave_http.engine.wire import body
from weave_http.engine.wire.contract import Patience, Request, Timeouts
from weave_http.engine.wire.failures import connect_failure, exchange_failure, overdue
from weave_http.engine.wire.http1 import CutShort, Garbage

T = TypeVar("T")


class Opened(NamedTuple):
    """A response as a package has it.

    Args:
        status: HTTP status code.
        headers: header fields, names in lower case.
        pieces: the body as it comes; raises the package's errors.
        close: lets go of the connection.
    """

    status: int
    headers: Mapping[str, str]
    pieces: Iterator[bytes]
    close: Callable[[], object]


class PackageTransport(ABC):
    """Sends requests by a package.

    Args:
        endpoint: where to connect.
        timeouts: how long to wait for what.
    """

    errors: tuple[type[Exception], ...] = (OSError, ValueError)
    """What the package raises."""

    def __init__(self, endpoint: Endpoint, timeouts: Timeouts | None = None) -> None:
        self._endpoint = endpoint
        self._timeouts = timeouts or Timeouts()
        self._open: set[PackageResponse] = set()
        self._threads = _Threads(self._finish)
        self._answered = False

    @abstractmethod
    def _ask(self, request: Request) -> Opened:
        """Send a request and return when the response's head is there; raises the package's errors."""

    @abstractmethod
    def _is_unconnected(self, error: Exception, root: Exception) -> bool:
        """Tell whether there was no connection at all.

        Args:
            error: the package's.
            root: what it wraps.
        """

    def send(self, request: Request) -> PackageResponse:
        """Send a request; see `contract.Transport`."""
        if request.patience is not Patience.QUICK:
            response = PackageResponse(self._begin(request), request, self._endpoint, self._open)
            self._answered = True
            return response
        try:
            opened = self._threads.run(lambda job: self._whole(request, job), self._timeouts.whole)
        except Empty:
            raise overdue(self._endpoint, request, self._timeouts.whole) from None
        self._answered = True
        return PackageResponse(opened, request, self._endpoint, self._open)

    def _whole(self, request: Request, job: _Job) -> Opened:
        """Return a response that is there with its body, and whose connection is given back or dropped."""
        opened = self._begin(request)
        pieces: list[bytes] = []
        failure: TransportError | None = None
        size = 0
        try:
            while size <= body.MAX_WHOLE and not job.is_abandoned and (piece := next(opened.pieces, b"")):
                pieces.append(piece)
                size += len(piece)
        except TransportError as error:
            failure = error
        finally:
            opened.close()
        return opened._replace(pieces=_replayed(pieces, failure), close=lambda: None)

    def _begin(self, request: Request) -> Opened:
        try:
            opened = self._ask(request)
        except self.errors as error:
            if not (self._answered and request.is_repeatable and isinstance(root(error), CutShort | ConnectionError)):
                raise self._failure(error, request, answered=False) from error
            try:
                opened = self._ask(request)
            except self.errors as again:
                raise self._failure(again, request, answered=False) from again
        return opened._replace(pieces=self._translated(opened.pieces, request))

    def _translated(self, pieces: Iterator[bytes], request: Request) -> Iterator[bytes]:
        try:
            yield from pieces
        except self.errors as error:
            raise self._failure(error, request, answered=True) from error

    def _failure(self, error: Exception, request: Request, *, answered: bool) -> TransportError:
        cause = root(error)
        if not answered and self._is_unconnected(error, cause):
            from traceback import clear_frames

            # requests-unixsocket does not close a socket that found no connection: it lies in one of these.
            for wrapped in _causes(error):
                clear_frames(wrapped.__traceback__)
            return connect_failure(cause, self._endpoint, self._timeouts.connect)
        silence = self._timeouts.silence(request)
        return exchange_failure(cause, self._endpoint, request, answered=answered, timeout=silence)

    @abstractmethod
    def _finish(self) -> None:
        """Close the package's idle connections."""

    def close(self) -> None:
        """Close all connections; that of a request under way ends with it."""
        for response in list(self._open):
            response.close()
        self._threads.close()


class PackageResponse(body.Body):
    """Implements `contract.Response` over what a package has.

    Args:
        opened: the package's.
        request: what is answered.
        endpoint: by whom.
        holders: the transport's open responses; this one is in it until it is closed.
    """

    def __init__(self, opened: Opened, request: Request, endpoint: Endpoint, holders: set[PackageResponse]) -> None:
        super().__init__(request, endpoint)
        self.status = opened.status
        self.headers = opened.headers
        self._opened = opened
        self._holders = holders
        self._ended = False
        holders.add(self)

    def _next(self) -> bytes:
        if self._ended:
            return b""
        self._check_open()
        try:
            piece = next(self._opened.pieces, b"")
        except BaseException:
            # Also an interrupt: half-read, the connection is of no use to anybody.
            self.close()
            raise
        if not piece:
            self._ended = True
            self.close()
        return piece

    def close(self) -> None:
        """Let go of the connection; the package knows whether its body was read."""
        if not self._closed:
            self._closed = True
            self._holders.discard(self)
            self._opened.close()


def _replayed(pieces: list[bytes], failure: TransportError | None) -> Iterator[bytes]:
    yield from pieces
    if failure is not None:
        raise failure


# -- errors ------------------------------------------------------------------------------------------------

_CUT_NAMES = frozenset({"IncompleteRead", "RemoteDisconnected"})
_CUT_TEXTS = ("Server disconnected", "peer closed connection", "peer unexpectedly closed")


def root(error: BaseException) -> Exception:
    """Return what a package's error is about: an `OSError`, `CutShort` or `Garbage`.

    The most telling system error in the chain is OpenSSL's before a time-out's before any other.
    """
    chain = list(_causes(error))
    found = [cause for cause in chain if isinstance(cause, OSError) and type(cause).__module__ in _SYSTEM]
    for kind in (ssl.SSLError, TimeoutError):
        for cause in found:
            if isinstance(cause, kind):
                return cause
    # The innermost one is the system's own; those above are re-raised with less in them.
    if found:
        return next((cause for cause in reversed(found) if cause.errno is not None), found[-1])
    if any(type(cause).__name__ in _CUT_NAMES or any(text in str(cause) for text in _CUT_TEXTS) for cause in chain):
        return CutShort(str(error))
    return Garbage(str(error))


_SYSTEM = frozenset({"builtins", "ssl", "socket", "http.client"})
"""Where the system's errors are from; those of requests are `OSError`s as well."""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and all that it wraps: causes, contexts, and the exceptions among its arguments."""
    seen: set[int] = set()
    queue: list[BaseException] = [error]
    while queue:
        current = queue.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        inner = (current.__cause__, current.__context__, getattr(current, "reason", None), *current.args)
        queue += [cause for cause in inner if isinstance(cause, BaseException)]


# -- threads -----------------------------------------------------------------------------------------------


class _Job:
    """Something to do in another thread."""

    def __init__(self, work: Callable[[_Job], object], threads: _Threads) -> None:
        self.work = work
        self.threads = threads
        self.is_abandoned = False
        self.outcome: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()


class _Threads:
    """Threads that work for others, one job at a time. They don't keep the process alive.

    Args:
        finish: called once it is closed and no job is under way: what a job uses must not be closed under it.
    """

    def __init__(self, finish: Callable[[], object]) -> None:
        self._finish = finish
        self._idle: list[SimpleQueue[_Job | None]] = []
        self._busy: set[_Job] = set()
        self._closed = False
        self._lock = threading.Lock()

    def run(self, work: Callable[[_Job], T], seconds: float) -> T:
        """Return what `work` returns, or raise what it raises.

        Raises:
            Empty: it takes longer; it is left alone, and told so.
        """
        job = _Job(work, self)
        self._busy.add(job)
        try:
            (self._idle.pop() if self._idle else _started()).put(job)
            result, error = job.outcome.get(timeout=seconds)
        except BaseException:
            # Also an interrupt.
            job.is_abandoned = True
            raise
        if error is not None:
            raise error
        done: T = result
        return done

    def done(self, job: _Job, jobs: SimpleQueue[_Job | None]) -> bool:
        """Take a thread back after a job; return whether it has to end instead."""
        with self._lock:
            self._busy.discard(job)
            if not self._closed:
                self._idle.append(jobs)
                return False
            last = not self._busy
        if last:
            self._finish()
        return True

    def close(self) -> None:
        """End the threads, each as soon as it has nothing to do."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            idle, last = self._idle, not self._busy
        for jobs in idle:
            jobs.put(None)
        if last:
            self._finish()


def _started() -> SimpleQueue[_Job | None]:
    jobs: SimpleQueue[_Job | None] = SimpleQueue()

    def serve() -> None:
        over = False
        while not over and (job := jobs.get()) is not None:
            outcome: tuple[object, BaseException | None]
            try:
                outcome = job.work(job), None
            except BaseException as error:
                outcome = None, error
            over = job.threads.done(job, jobs)
            job.outcome.put(outcome)
            del job, outcome  # or an idle thread would hold them

    threading.Thread(target=serve, name="weave-http call", daemon=True).start()
    return jobs
