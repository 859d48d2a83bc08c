"""One client's connection: requests go to a connection to the daemon of its own, and responses come back.

Where the daemon ends its connection between two requests, the next one goes to a new connection. So does one of which
the daemon has taken nothing; and once again one that only asks, and gets no answer. Any other that was begun is sent
once: nobody knows what the daemon has done of it, so the client's connection ends, as without a proxy.

Bytes pass as they come, both ways at once, and wait where the other side is slow. `messages` tells where they end.
After an upgrade, or where a response ends with its connection, nothing is read any more: it is a pipe with two
directions that end one by one.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress

import h11

from weave_http.engine.wire.channel import Channel
from weave_http.errors import WeaveError, own_fault
from weave_http.proxy import messages
from weave_http.proxy.changes import Changes, Refused, refused
from weave_http.proxy.daemon import Daemon
from weave_http.proxy.framing import BadMessage
from weave_http.proxy.home import Home
from weave_http.proxy.messages import Message
from weave_http.proxy.routes import Call, call_of, shown
from weave_http.proxy.waiting import Waiting

MOST_UNSENT = 1024 * 1024
"""Bytes that wait for a slow side at most; from then on nothing more is taken from the fast one."""
MOST_BODY = 16 * 1024 * 1024
"""Bytes of a body that is looked at, at most."""
_FLUSH_SECONDS = 10.0
_COLUMNS = 64
"""Of a line that shows a request; its status and its time come behind."""
_ASKING = frozenset({b"GET", b"HEAD"})
"""Methods of requests that may be sent twice."""
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Gone(Exception):
    """One side has closed its connection altogether."""


class Connection:
    """A client's connection.

    Args:
        client: the connection.
        home: of the proxy.
        changes: what is changed of calls.
        rewrite_inspect: whether answers to inspect are changed.
        early: what the client has sent already.
    """

    def __init__(
        self, client: Channel, home: Home, changes: Changes, *, rewrite_inspect: bool, early: bytes = b""
    ) -> None:
        self._client = client
        self._home = home
        self._changes = changes
        self._rewrite_inspect = rewrite_inspect
        self._daemon = Daemon(home)
        self._ahead = early
        self._answering = False
        self._asked = ""
        self._method = b""
        self._began = 0.0
        self._waiting = Waiting()

    def serve(self) -> None:
        """Serve requests until one side ends."""
        try:
            while self._one():
                pass
            self._flush()
        except BadMessage as error:
            self._answer(400, f"weave: that is no request of the Docker API: {error}", close=True)
            self._flush()
        except (Gone, OSError):
            pass
        except Exception as error:  # a fault of our own costs this client its connection, and is told
            self._answer(500, f"weave: {own_fault(error, os.environ)}", close=True)
            self._flush()
        finally:
            self.close()

    def close(self) -> None:
        """End both connections. Idempotent; wakes `serve` in another thread."""
        self._client.close()
        if (channel := self._daemon.open) is not None:
            channel.close()

    # -- one request ---------------------------------------------------------------------------------------

    def _one(self) -> bool:
        """Serve one request; return whether there may be another one."""
        self._answering = False
        message, raw = self._request()
        if message is None:
            return False
        head = message.head
        assert isinstance(head, h11.Request)
        call = self._call(head)
        self._method = head.method
        self._asked = f"client: {shown(head.method.decode(), head.target.decode(), _COLUMNS - len('client: '))}"
        self._began = time.monotonic()
        if call is not None:
            self._home.say(self._asked)
        try:
            if call is None:
                self._daemon.connect()
                return self._pass(message, raw)
            self._complete(message)
            self._daemon.connect()
            return self._changed(call, head, bytes(message.body))
        except WeaveError as error:
            why = refused(error)
            self._home.say(f"  weave: the client is told: {why.message.removeprefix('weave: ')}")
            self._tell(why.status)
            self._answer(why.status, why.message)
            return message.ended

    def _tell(self, status: int) -> None:
        """Tell how a request was answered."""
        self._home.say(f"{self._asked:<{_COLUMNS}} {status}  {(time.monotonic() - self._began) * 1000:6.1f} ms")

    def _call(self, head: h11.Request | h11.Response) -> Call | None:
        assert isinstance(head, h11.Request)
        call = call_of(head.method.decode("ascii"), head.target.decode("ascii"))
        return None if call is not None and call.kind == "inspect" and not self._rewrite_inspect else call

    def _request(self) -> tuple[Message | None, bytes]:
        """Return the next request as far as its head, and its bytes; nothing when there is none any more."""
        message = messages.request(lambda head: self._call(head) is not None)
        raw = bytearray()
        data, self._ahead = self._ahead, b""
        while True:
            if data:
                raw += message.feed(data)
                if message.ended:
                    self._ahead = message.rest
                if message.head is not None:
                    return message, bytes(raw)
            data = self._from_client()
            if not data:
                return None, b""

    def _from_client(self) -> bytes:
        """Wait for bytes of the client, while the daemon has nothing to do; return nothing at its end."""
        while True:
            self._daemon.forget_ended()
            if not self._client.ended:  # its last bytes may have come together with its end
                self._wait(reading_client=True, reading_daemon=True)
            data = self._client.receive()
            if data is not None:
                return data

    def _complete(self, message: Message) -> None:
        """Read the rest of a request whose body is kept. Raises `Refused`: it is too long."""
        assert message.head is not None
        if messages.field(message.head, b"expect").lower() == b"100-continue" and not message.ended:
            self._client.write(_CONTINUE)
        while not message.ended:
            if len(message.body) > MOST_BODY:
                raise Refused(413, f"weave: a body of more than {MOST_BODY} bytes makes no container")
            message.feed(self._from_client())
        self._ahead = message.rest

    # -- pass ----------------------------------------------------------------------------------------------

    def _pass(self, request: Message, raw: bytes) -> bool:
        """Let a request and its response pass; return whether the connection goes on."""
        assert isinstance(request.head, h11.Request)
        self._daemon.begin(raw)
        response = messages.response_to(request.head)
        again = request.ended and request.head.method in _ASKING
        told = False
        while not (response.ended and request.ended):
            room = self._daemon.channel.unsent < MOST_UNSENT and len(self._ahead) < MOST_UNSENT
            self._wait(reading_client=room, reading_daemon=self._client.unsent < MOST_UNSENT)
            if room and not self._client.ended and (data := self._client.receive()) is not None:
                self._towards_daemon(request, data)
            if response.ended:
                if self._daemon.channel.ended or self._daemon.channel.receive() == b"":
                    return False
                continue
            data = self._daemon.receive(response)
            if data == b"" and response.head is None:
                if not again or self._answering:
                    raise Gone
                again = False
                self._daemon.begin(raw, anew=True)
                continue
            if data is not None:
                self._answering = True
                self._client.write(response.feed(data))
                if self._daemon.channel.ended and not (response.ended or response.until_close):
                    response.feed(b"")
                if response.status and not told and (response.head or response.switched):
                    told = True
                    self._tell(response.status)
            if response.switched or response.until_close:
                self._client.write(response.rest)
                self._pipe()
                return False
        return not response.closes

    def _towards_daemon(self, request: Message, data: bytes) -> None:
        if data and not request.ended:
            self._daemon.channel.write(request.feed(data))
            data = request.rest
        self._ahead += data
        if self._client.ended:
            self._daemon.channel.finish()

    def _pipe(self) -> None:
        """Carry bytes both ways until both directions have ended."""
        client, daemon = self._client, self._daemon.channel
        daemon.write(self._ahead)
        self._ahead = b""
        for near, far in ((client, daemon), (daemon, client)):
            if near.ended:
                far.finish()
        while not (client.ended and daemon.ended):
            self._wait(
                reading_client=daemon.unsent < MOST_UNSENT,
                reading_daemon=client.unsent < MOST_UNSENT,
            )
            for near, far in ((client, daemon), (daemon, client)):
                if not near.ended and far.unsent < MOST_UNSENT:
                    _carry(near, far)

    # -- change --------------------------------------------------------------------------------------------

    def _changed(self, call: Call, head: h11.Request, body: bytes) -> bool:
        """Serve a call that is looked at; return whether the connection goes on."""
        if call.kind in ("start", "restart"):
            return self._start(call, head, body)
        new = None
        if call.kind == "create":
            new = self._changes.create(body, call.container)
        elif call.kind == "exec":
            new = self._changes.exec(body, call.container)
        response, raw = self._ask(messages.with_body(head, body if new is None else new), head)
        assert isinstance(response.head, h11.Response)
        if call.kind == "inspect" and response.head.status_code == 200:
            seen = self._changes.inspect(bytes(response.body))
            raw = raw if seen is None else messages.with_body(response.head, seen)
        self._tell(response.status)
        self._client.write(raw)
        return not response.closes

    def _start(self, call: Call, head: h11.Request, body: bytes) -> bool:
        answers: list[tuple[Message, bytes]] = []

        def begin() -> bool:
            answers.append(self._ask(messages.with_body(head, body), head))
            return answers[0][0].status == 204

        self._changes.start(call.container, begin, again=call.kind == "restart")
        ((response, raw),) = answers
        self._tell(response.status)
        self._client.write(raw)
        return not response.closes

    def _ask(self, request: bytes, head: h11.Request) -> tuple[Message, bytes]:
        """Send a request and return the whole response, and its bytes."""
        self._daemon.connect()
        self._daemon.begin(request)
        response = messages.response_to(head, keep=True)
        again = head.method in _ASKING
        raw = bytearray()
        while not response.ended:
            if len(raw) > MOST_BODY:
                raise Refused(502, f"weave: the daemon's answer is longer than {MOST_BODY} bytes")
            self._wait(reading_client=False, reading_daemon=True)
            data = self._daemon.receive(response)
            if data == b"" and response.head is None:
                if not again or raw:
                    raise Gone
                again = False
                self._daemon.begin(request, anew=True)
            elif data is not None:
                raw += response.feed(data)
            if data and self._daemon.channel.ended and not response.ended:
                raw += response.feed(b"")
        return response, bytes(raw)

    # -- the two connections -------------------------------------------------------------------------------

    def _answer(self, status: int, message: str, *, close: bool = False) -> None:
        """Answer instead of the daemon, unless its own answer is under way."""
        if self._answering:
            return
        answer = messages.refusal(status, message, close=close)
        if self._method == b"HEAD":
            answer = answer[: answer.index(b"\r\n\r\n") + 4]
        with suppress(OSError):
            self._client.write(answer)

    def _wait(self, *, reading_client: bool, reading_daemon: bool) -> None:
        """Wait until something has come, or something more is taken. What is unsent is sent as far as it is taken.

        Raises:
            Gone: one side has closed its connection altogether, not only its direction.
        """
        if self._client.refused:
            raise Gone
        wanted = ((self._client, reading_client), (self._daemon.open, reading_daemon))
        if not self._waiting.wait((channel, reading) for channel, reading in wanted if channel is not None):
            if self._client.fileno() >= 0:
                self._flush()
            raise Gone

    def _flush(self) -> None:
        """Give the client what is left for it, if it takes that soon."""
        deadline = time.monotonic() + _FLUSH_SECONDS
        with suppress(OSError):
            while self._client.unsent and not self._client.refused and time.monotonic() < deadline:
                self._client.wait(deadline - time.monotonic(), reading=False)
                self._client.push()


def _carry(near: Channel, far: Channel) -> None:
    """Hand on what has come, and its end: with TLS they may come together."""
    data = near.receive()
    if data:
        far.write(data)
    if near.ended:
        far.finish()
