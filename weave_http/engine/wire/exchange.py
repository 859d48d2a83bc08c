"""One request on a channel. It ends as a response, whose channel is kept, or as a connection that was taken over.

A request with `Connection: Upgrade` is answered by 101, and from then on the connection carries a container's stdin one
way and its output the other; the first output may come in one packet with the head. Daemons that know no upgrade, and
Podman at times, answer 200 and switch nevertheless: the body of that response is the output.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from weave_http.engine.address import Endpoint
from weave_http.engine.errors import ProtocolError, TransportError
from weave_http.engine.wire.body import Body
from weave_http.engine.wire.channel import Channel, Deadline, Overdue
from weave_http.engine.wire.contract import Request, Timeouts
from weave_http.engine.wire.fields import UPGRADE, fields_of
from weave_http.engine.wire.http1 import CutShort, Garbage, Head, ResponseParser, request_head

_SWITCHING = 101
_CUT = (CutShort, ConnectionError)


class Exchange(Body):
    """Implements `contract.Response`, and `contract.Duplex` once the request has asked for an upgrade.

    Args:
        channel: with nothing under way.
        request: what to send.
        endpoint: where the channel leads.
        timeouts: how long to wait for what.
        done: called when it is closed, with the channel if that is good for another request, else None.
        upgrade: ask for the connection.
    """

    def __init__(
        self,
        channel: Channel,
        request: Request,
        endpoint: Endpoint,
        timeouts: Timeouts,
        done: Callable[[Exchange, Channel | None], object],
        *,
        upgrade: bool = False,
    ) -> None:
        super().__init__(request, endpoint)
        self._channel = channel
        self._deadline = Deadline(timeouts.silence(request), timeouts.limit(request))
        self._done = done
        self._upgrade = upgrade
        self._parser = ResponseParser(request.method)
        self._ready: deque[bytes] = deque()
        self._switched = False
        self._spoken = False
        self._ended = self._read = False
        self.unheard = False
        """Whether the connection ended before the first byte of a response."""

    # -- the request ---------------------------------------------------------------------------------------

    def ask(self) -> None:
        """Send the request; raises `TransportError`, and as it is what the source of an upload raises."""
        request, endpoint = self._request, self._endpoint
        fields = fields_of(request, endpoint)
        if self._upgrade:
            fields[1:1] = UPGRADE
        head = request_head(request.method, endpoint.base_path + request.target, fields)
        body = request.body
        if isinstance(body, bytes | None):
            self._send(head + body if body else head)
            return
        if self._upgrade:
            raise ProtocolError(f"{request.call} can't have a body of unknown length")
        self._send(head)
        for chunk in body:
            # An empty chunk would be the end of a chunked body.
            if chunk and not self._send(b"%x\r\n%b\r\n" % (len(chunk), chunk)):
                return
        self._send(b"0\r\n\r\n")

    def _send(self, data: bytes) -> bool:
        """Send bytes; return whether more of the request is wanted.

        It is not when the daemon has answered with an error, and takes no more without closing the connection; nor when
        it has closed it: it may have answered before, which tells more than the broken pipe.
        """
        try:
            self._channel.write(data)
        except OSError as error:
            raise self._failure(error) from error
        while self._channel.unsent:
            # Progress, after the head of a success, is left where it is until all is sent.
            self._wait(reading=self._parser.head is None)
            if self._parser.head is None:
                self._advance()
            else:
                self._push()
            head = self._parser.head
            if head is not None and head.status >= 300:
                self._channel.refused = True
                return False
        return not self._channel.refused

    # -- the response --------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Wait for the response's head; raises `TransportError`."""
        while self._parser.head is None:
            self._wait()
            self._advance()
        if self._upgrade:
            self._deadline = Deadline(None, None)

    @property
    def _head(self) -> Head:
        if self._parser.head is None:
            raise ProtocolError(f"{self._endpoint} has not answered {self._request.call} yet")
        return self._parser.head

    @property
    def status(self) -> int:
        """HTTP status code."""
        return self._head.status

    @property
    def headers(self) -> Mapping[str, str]:
        """Header fields, names in lower case."""
        return self._head.headers

    def _next(self) -> bytes:
        """Wait for the next piece of the body and return it; `b""` at the end, which gives the channel back."""
        if self._read:
            return b""
        self._check_open()
        try:
            while not (self._ready or self._ended):
                self._wait()
                self._advance()
        except BaseException:
            # Also an interrupt: half-read, the connection is of no use to anybody.
            self.close()
            raise
        if self._ready:
            return self._ready.popleft()
        self._read = True
        self.close()
        return b""

    # -- both ways -----------------------------------------------------------------------------------------

    def fileno(self) -> int:
        """The connection's descriptor, to wait for."""
        return self._channel.fileno()

    @property
    def unsent(self) -> int:
        """Bytes that were written and not yet taken by the connection."""
        return self._channel.unsent

    def write(self, data: bytes) -> None:
        """Send bytes: those that the connection takes at once now, the rest whenever `receive` is called."""
        self._spoken = True
        try:
            self._channel.write(data)
        except OSError as error:
            raise self._failure(error) from error

    def half_close(self) -> None:
        """Say that nothing more will be written."""
        try:
            self._channel.finish()
        except OSError as error:
            raise self._failure(error) from error

    def receive(self) -> bytes | None:
        """Return what has come, `b""` at the end, None if nothing has come yet; never waits."""
        self._check_open()
        if not (self._ready or self._ended):
            self._advance()
        if self._ready:
            return self._ready.popleft()
        return b"" if self._ended else None

    def close(self) -> None:
        """Give the connection back, or drop it when the body was not read to its end."""
        if self._closed:
            return
        self._closed = True
        whole = self._ended and not self._ready and self._parser.reusable
        keep = whole and not self._channel.refused and not (self._upgrade and self.status < 300)
        if not keep:
            self._channel.close()
        self._done(self, self._channel if keep else None)

    # -- steps ---------------------------------------------------------------------------------------------

    def _wait(self, *, reading: bool = True) -> None:
        try:
            if not self._channel.wait(self._deadline.left(), reading=reading):
                raise self._deadline.missed()
        except OSError as error:
            raise self._failure(error) from error

    def _advance(self) -> None:
        """Send what is left to send, and take what has come."""
        self._push()
        try:
            data = self._channel.receive()
        except (BrokenPipeError, ConnectionResetError) as error:
            if not self._spoken:
                raise self._failure(error) from error
            # The daemon closed with stdin unread, which the system tells as a reset: the output is complete.
            self._ended = True
            return
        except OSError as error:
            raise self._failure(error) from error
        if data is not None:
            try:
                self._take(data)
            except (CutShort, Garbage) as error:
                raise self._failure(error) from error

    def _push(self) -> None:
        try:
            self._channel.push()
        except OSError as error:
            raise self._failure(error) from error

    def _take(self, data: bytes) -> None:
        self.unheard = not data and self._parser.untouched
        if not self._switched:
            self._ready.extend(self._parser.feed(data))
            if not data:
                self._parser.finish()
            self._switched = self._parser.head is not None and self._parser.head.status == _SWITCHING
            self._ended = self._parser.ended and not self._switched
            if not self._switched or not (data := self._parser.rest):
                return
        if data:
            self._ready.append(data)
        else:
            self._ended = True

    def _failure(self, error: Exception) -> TransportError:
        from weave_http.engine.wire.failures import exchange_failure, overdue

        if isinstance(error, Overdue):
            return overdue(self._endpoint, self._request, self._deadline.whole or 0)
        self.unheard = isinstance(error, _CUT) and self._parser.untouched
        answered = self._parser.head is not None
        return exchange_failure(error, self._endpoint, self._request, answered=answered, timeout=self._deadline.silence)
