"""One request and its answer on a connection that somebody else opened and keeps: HTTP/1.1 by our own parser.

An HTTP library's way through its layers is most of the time of a short call; this one is as long as the work is.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from weave_http.engine.endpoint import Endpoint
from weave_http.engine.errors import TransportError
from weave_http.engine.http1 import Answer, CutShort, Garbage, request_head
from weave_http.engine.wire.base import Request
from weave_http.engine.wire.common import Timeouts, header_fields, host_field
from weave_http.engine.wire.held import HeldResponse, Holders

_PIECE = 65536
# By name: importing TLS takes 20 ms.
_GONE = frozenset({"BrokenPipeError", "ConnectionResetError", "SSLEOFError"})
_WOULD_BLOCK = frozenset({"BlockingIOError", "SSLWantReadError", "SSLWantWriteError"})


@dataclass(frozen=True, slots=True)
class Link:
    """A connection with nothing under way.

    Args:
        sock: the connection.
        keep: called when an answer is read and the connection is good for another request.
    """

    sock: socket.socket
    keep: Callable[[], object]


def exchange(link: Link, request: Request, endpoint: Endpoint, timeouts: Timeouts, holders: Holders) -> HeldResponse:
    """Send a request and return as soon as the answer's head is there; when that fails the connection is closed.

    Args:
        link: the connection.
        request: what to send.
        endpoint: where the connection leads.
        timeouts: how long to wait for what.
        holders: the transport's open responses.

    Raises:
        TransportError: no usable answer.
    """
    under_way = _Exchange(link, request, endpoint, timeouts)
    try:
        with _raising_source_errors():
            under_way.write()
        return under_way.begin(holders)
    except BaseException:
        under_way.drop()
        raise


def exchange_all(
    links: Iterable[Link], requests: Sequence[Request], endpoint: Endpoint, timeouts: Timeouts, holders: Holders
) -> list[HeldResponse]:
    """Send requests, one on each connection, before any answer is read; see `exchange`.

    Args:
        links: a connection for each request; may open them while it is iterated over.

    Raises:
        TransportError: one has no usable answer; all the connections are closed.
    """
    under_way: list[_Exchange] = []
    with contextlib.ExitStack() as on_failure:
        for request, link in zip(requests, links, strict=True):
            under_way.append(_Exchange(link, request, endpoint, timeouts))
            on_failure.callback(under_way[-1].drop)
        for one in under_way:
            one.write()
        answers = [on_failure.enter_context(one.begin(holders)) for one in under_way]
        on_failure.pop_all()
        return answers


class _Exchange:
    """One request and its answer on a connection; implements `held.Body`."""

    def __init__(self, link: Link, request: Request, endpoint: Endpoint, timeouts: Timeouts) -> None:
        self._sock = link.sock
        self._request = request
        self._endpoint = endpoint
        self._silence = timeouts.silence(request)
        self._limit = timeouts.limit(request)
        self._begun = time.monotonic()
        self._keep = link.keep
        self._answer = Answer(request.method)
        self._broken = False
        self._ready: deque[bytes] = deque()

    def write(self) -> None:
        """Send the request."""
        self._sock.settimeout(self._silence)
        try:
            self._write()
        except (OSError, CutShort, Garbage) as error:
            if type(error).__name__ not in _GONE:
                raise self._failure(error) from error
            # The daemon may have answered before it had read all; its answer tells more than the broken pipe.
            self._broken = True

    def _write(self) -> None:
        request, endpoint = self._request, self._endpoint
        target = endpoint.base_path + request.target
        fields = [host_field(endpoint), *header_fields(request)]
        if isinstance(request.body, bytes) or request.body is None:
            content = request.body or b""
            if content or request.method in ("POST", "PUT"):
                fields.append(("Content-Length", str(len(content))))
            self._sock.sendall(request_head(request.method, target, fields) + content)
            return
        self._sock.sendall(request_head(request.method, target, [*fields, ("Transfer-Encoding", "chunked")]))
        self._sock.settimeout(0)
        for chunk in _upload(request.body):
            if not self._sent(b"%x\r\n%b\r\n" % (len(chunk), chunk)):
                self._broken = True
                break
        else:
            self._sent(b"0\r\n\r\n")
        self._sock.settimeout(self._silence)

    def _sent(self, data: bytes) -> bool:
        """Send a piece of an upload; return whether more of it is wanted.

        It is not when the daemon has answered with an error, and takes no more without closing the connection.
        """
        left = memoryview(data)
        while left:
            try:
                left = left[self._sock.send(left) :]
            except OSError as error:
                if type(error).__name__ not in _WOULD_BLOCK:
                    raise
                if self._refused():
                    return False
        return True

    def _refused(self) -> bool:
        """Wait until more can be sent or something has come; return whether that is the head of an error."""
        head = self._answer.head
        poll = select.poll()
        # Progress, after the head of a success, is left where it is until all is sent.
        poll.register(self._sock, select.POLLOUT | (0 if head else select.POLLIN))
        ready = poll.poll(None if self._silence is None else self._silence * 1000)
        if not ready:
            raise TimeoutError("nothing could be sent")
        if ready[0][1] & select.POLLIN:
            try:
                self._take(self._sock.recv(_PIECE))
            except OSError as error:
                # TLS has messages of its own that no application sees.
                if type(error).__name__ not in _WOULD_BLOCK:
                    raise
        head = self._answer.head
        return head is not None and head.status >= 300

    def begin(self, holders: Holders) -> HeldResponse:
        """Read the answer's head."""
        while self._answer.head is None:
            self._receive()
        return HeldResponse(self._answer.head.status, self._answer.head.headers, self, holders)

    def _receive(self) -> None:
        try:
            self._take(self._sock.recv(_PIECE))
        except (OSError, CutShort, Garbage) as error:
            raise self._failure(error) from error
        if self._limit is not None and time.monotonic() > self._begun + self._limit and not self._answer.ended:
            from weave_http.engine.wire.failures import overdue

            raise overdue(self._endpoint, self._request, self._limit)

    def _take(self, data: bytes) -> None:
        self._ready.extend(self._answer.feed(data))
        if not data:
            self._answer.finish()

    def _failure(self, error: Exception) -> TransportError:
        from weave_http.engine.wire.failures import exchange_failure

        answered = self._answer.head is not None
        return exchange_failure(error, self._endpoint, self._request, answered=answered, timeout=self._silence)

    def pull(self) -> bytes:
        while not self._ready:
            if self._answer.ended:
                return b""
            self._receive()
        return self._ready.popleft()

    def give_back(self) -> None:
        if self._answer.reusable and not self._broken:
            self._keep()
        else:
            self._sock.close()

    def too_large(self, limit: int) -> TransportError:
        from weave_http.engine.wire.failures import too_large

        return too_large(self._endpoint, self._request, limit)

    def drop(self) -> None:
        # Shut down first: it wakes a reader in another thread, which closing alone does not.
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()


class _SourceFailed(Exception):
    """Carries what the source of an upload raised past what looks out for failures of the connection."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


def _upload(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield chunks to send; to be used within `_raising_source_errors`."""
    try:
        # An empty chunk would be the end of a chunked body.
        yield from (chunk for chunk in chunks if chunk)
    except Exception as error:
        raise _SourceFailed(error) from error


@contextlib.contextmanager
def _raising_source_errors() -> Iterator[None]:
    """Raise what the source of an upload raised as it was: an `OSError` of a file is no failure of the connection."""
    try:
        yield
        return
    except _SourceFailed as failure:
        error = failure.error
    raise error
