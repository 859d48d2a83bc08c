"""The proxy between a client and a daemon of the tests, which say and compare each byte."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weave_http.engine.wire.channel import Channel
from weave_http.errors import EngineError
from weave_http.proxy import messages
from weave_http.proxy.changes import Changes
from weave_http.proxy.connection import Connection
from weave_http.proxy.framing import BadMessage
from weave_http.proxy.home import Visit
from weave_http.proxy.settings import Settings

PATIENCE = 20.0


class Prompt(Channel):
    """A connection that knows of its last bytes that they are the last ones, as one with TLS does."""

    def receive(self) -> bytes | None:
        data = super().receive()
        if data and select.select([self._sock], [], [], 0.3)[0] and not self._sock.recv(1, socket.MSG_PEEK):
            self.ended = True
        return data


class FakeHome:
    """A home whose daemon is the far end of a socket pair.

    Args:
        kind: of the connection to it.

    Attributes:
        near: the end that `open` returns.
        daemon: the far end.
    """

    def __init__(self, kind: type[Channel] = Channel) -> None:
        self._kind = kind
        self.near, self.daemon = socket.socketpair()
        self.daemon.settimeout(PATIENCE)

    def open(self) -> Channel:
        return self._kind(self.near)

    def visit(self) -> AbstractContextManager[Visit]:
        raise EngineError("nobody is to be visited here")

    def say(self, line: str) -> None:
        pass


def served(home: FakeHome, kind: type[Channel] = Channel) -> tuple[socket.socket, threading.Thread]:
    """Have a client's connection served; return the client's end of it, and what serves it."""
    near, client = socket.socketpair()
    client.settimeout(PATIENCE)
    connection = Connection(kind(near), home, Changes(home, Settings()), rewrite_inspect=False)
    thread = threading.Thread(target=connection.serve, daemon=True)
    thread.start()
    return client, thread


class Pair:
    """A client and a daemon with the proxy between them.

    Args:
        kind: of both connections of the proxy.

    Attributes:
        client: the client's end.
        daemon: the daemon's.
    """

    def __init__(self, kind: type[Channel] = Channel) -> None:
        home = FakeHome(kind)
        self.daemon, self._near = home.daemon, home.near
        self.client, self._thread = served(home, kind)

    def close(self) -> None:
        self.client.close()
        self.daemon.close()
        self._thread.join(PATIENCE)
        self._near.close()
        assert not self._thread.is_alive()


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair()
    yield made
    made.close()


def got(sock: socket.socket, count: int) -> bytes:
    """Return so many bytes."""
    data = b""
    while len(data) < count and (piece := sock.recv(count - len(data))):
        data += piece
    return data


def passes(source: socket.socket, target: socket.socket, data: bytes) -> None:
    """Check that bytes come out as they went in."""
    threading.Thread(target=source.sendall, args=(data,), daemon=True).start()
    assert got(target, len(data)) == data


GET = b"GET /v1.41/info HTTP/1.1\r\nhOsT: docker\r\nX-Odd:  a\tb \r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-CasE: kept\r\n\r\nok"


def test_requests_follow_each_other_and_no_byte_is_changed(pair: Pair) -> None:
    for _ in range(3):
        passes(pair.client, pair.daemon, GET)
        passes(pair.daemon, pair.client, OK)


def test_requests_that_come_before_the_answer_wait_for_their_turn(pair: Pair) -> None:
    pair.client.sendall(GET * 2)
    assert got(pair.daemon, len(GET)) == GET
    passes(pair.daemon, pair.client, OK)
    assert got(pair.daemon, len(GET)) == GET
    passes(pair.daemon, pair.client, OK)


def test_chunks_trailers_and_early_answers_pass(pair: Pair) -> None:
    head = b"POST /v1.41/build HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
    passes(pair.client, pair.daemon, head)
    passes(pair.daemon, pair.client, b"HTTP/1.1 100 Continue\r\n\r\n")
    passes(pair.client, pair.daemon, b"4;ext=1\r\nabcd\r\n")
    progress = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-End\r\n\r\n3\r\none\r\n"
    passes(pair.daemon, pair.client, progress)
    passes(pair.client, pair.daemon, b"0\r\nX-Sum: 1\r\n\r\n")
    passes(pair.daemon, pair.client, b"0\r\nX-End: yes\r\n\r\n")
    passes(pair.client, pair.daemon, GET)


def test_an_answer_to_head_ends_with_its_head_and_the_next_call_is_looked_at(pair: Pair) -> None:
    passes(pair.client, pair.daemon, b"HEAD /containers/c/archive?path=%2Fx HTTP/1.1\r\nHost: d\r\n\r\n")
    passes(pair.daemon, pair.client, b"HTTP/1.1 200 OK\r\nX-Docker-Container-Path-Stat: e30=\r\n\r\n")
    pair.client.sendall(b"POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Length: 7\r\n\r\nno json")
    assert pair.client.recv(4096).startswith(b"HTTP/1.1 400")


class Restarting(FakeHome):
    """A home whose daemon gets a new connection each time, until it can't be reached."""

    def __init__(self, times: int, kind: type[Channel] = Channel) -> None:
        super().__init__(kind)
        self.ends = [(self.near, self.daemon), *(socket.socketpair() for _ in range(times - 1))]
        self._left = list(self.ends)

    def open(self) -> Channel:
        if not self._left:
            raise EngineError("there is no daemon")
        near, daemon = self._left.pop(0)
        daemon.settimeout(PATIENCE)
        return self._kind(near)

    def close(self) -> None:
        for near, daemon in self.ends:
            near.close()
            daemon.close()


def test_a_request_after_the_daemon_s_end_goes_to_a_new_connection() -> None:
    home = Restarting(4)
    client, thread = served(home)
    (_, first), (_, second), (_, third), (_, fourth) = home.ends
    passes(client, first, GET)
    passes(first, client, OK)
    first.close()
    for _ in range(2):
        passes(client, second, GET)
        passes(second, client, OK)
    # One that only asks, and whose answer does not come, is sent once more.
    client.sendall(GET)
    assert got(second, len(GET)) == GET
    second.close()
    assert got(third, len(GET)) == GET
    passes(third, client, OK)
    # One of which some of the answer has come is not.
    client.sendall(GET)
    assert got(third, len(GET)) == GET
    passes(third, client, OK[:9])
    third.close()
    assert client.recv(1) == b""
    thread.join(PATIENCE)
    assert not thread.is_alive()
    client.close()
    # Neither is one that changes something: it may have been done.
    client, thread = served(home)
    post = b"POST /v1.41/volumes/prune HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\n\r\n"
    client.sendall(post)
    assert got(fourth, len(post)) == post
    fourth.close()
    assert client.recv(1) == b""
    thread.join(PATIENCE)
    assert not thread.is_alive()
    client.close()
    home.close()


def test_a_client_without_a_daemon_is_told_so_and_may_ask_again() -> None:
    home = Restarting(1)
    client, thread = served(home)
    passes(client, home.daemon, GET)
    # It ends together with its answer, and the next request may be there before the end is seen.
    home.daemon.sendall(OK)
    home.daemon.close()
    assert got(client, len(OK)) == OK
    for request in (GET, b"POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Length: 2\r\n\r\n{}"):
        client.sendall(request)
        assert client.recv(4096).startswith(b"HTTP/1.1 503 ")
    client.close()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    home.close()


def test_an_answer_that_comes_together_with_the_daemon_s_end_does_not_end_the_client_s() -> None:
    home = Restarting(2, Prompt)
    client, thread = served(home)
    (_, first), (_, second) = home.ends
    passes(client, first, GET)
    first.sendall(OK)
    first.shutdown(socket.SHUT_WR)
    assert got(client, len(OK)) == OK
    passes(client, second, GET)
    passes(second, client, OK)
    client.close()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    home.close()


class Late(FakeHome):
    """A home whose daemon ends the first connection while it is being opened."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = 0

    def open(self) -> Channel:
        self.opened += 1
        if self.opened == 1:
            raise EngineError("closed") from ConnectionResetError("closed during the handshake")
        return super().open()


def test_a_connection_that_ends_while_it_is_opened_is_opened_once_again() -> None:
    home = Late()
    client, thread = served(home)
    passes(client, home.daemon, GET)
    passes(home.daemon, client, OK)
    assert home.opened == 2
    client.close()
    thread.join(PATIENCE)
    home.near.close()
    home.daemon.close()


def test_an_answer_that_says_so_is_the_connection_s_last_one(pair: Pair) -> None:
    passes(pair.client, pair.daemon, GET)
    passes(pair.daemon, pair.client, OK.replace(b"X-CasE: kept", b"Connection: close"))
    assert pair.client.recv(1) == b""


class Unreachable(FakeHome):
    """A home whose daemon can't be reached."""

    def open(self) -> Channel:
        raise EngineError("there is no daemon")


def test_a_refusal_of_head_has_no_body_that_would_be_taken_for_the_next_answer() -> None:
    home = Unreachable()
    client, thread = served(home)
    with client:
        client.sendall(b"HEAD /_ping HTTP/1.1\r\nHost: d\r\n\r\n")
        answer = client.recv(4096)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert answer.endswith(b"\r\n\r\n")
        client.sendall(GET)
        assert client.recv(12) == b"HTTP/1.1 503"
    thread.join(PATIENCE)
    home.near.close()
    home.daemon.close()


HIJACKS = [
    (
        b"POST /v1.41/containers/c/attach HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
        b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
    ),
    (
        b"POST /v1.41/exec/e/start HTTP/1.1\r\nHost: d\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n",
    ),
    (
        b"POST /session HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    ),
]


@pytest.mark.parametrize(("asked", "answered"), HIJACKS, ids=["101", "200", "h2c"])
def test_a_hijacked_connection_is_a_pipe_that_ends_one_way_at_a_time(pair: Pair, asked: bytes, answered: bytes) -> None:
    passes(pair.client, pair.daemon, asked)
    passes(pair.daemon, pair.client, answered + b"POST /containers/create HTTP/1.1\r\n\r\n")
    passes(pair.client, pair.daemon, b"GET / HTTP/1.1\r\n\r\n\0\xff")
    pair.client.shutdown(socket.SHUT_WR)
    assert pair.daemon.recv(1) == b""
    passes(pair.daemon, pair.client, b"late" * 100_000)
    pair.daemon.shutdown(socket.SHUT_WR)
    assert pair.client.recv(1) == b""


ENDS = [
    b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nall",
    b"HTTP/1.1 200 OK\r\n\r\nall",
    b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nall",
]


@pytest.mark.parametrize("answered", ENDS, ids=["101", "200", "cut"])
def test_bytes_that_come_together_with_the_end_do_not_hide_it(answered: bytes) -> None:
    pair = Pair(Prompt)
    passes(pair.client, pair.daemon, HIJACKS[0][0])
    pair.daemon.sendall(answered[:-3])
    assert got(pair.client, len(answered) - 3) == answered[:-3]
    pair.daemon.sendall(b"all")
    pair.daemon.shutdown(socket.SHUT_WR)
    assert got(pair.client, 4) == b"all"
    with suppress(OSError):  # it may be closed altogether
        pair.client.shutdown(socket.SHUT_WR)
    while pair.daemon.recv(4096):
        pass
    pair.close()


def test_a_slow_reader_keeps_the_other_side_waiting(pair: Pair) -> None:
    pair.client.sendall(GET)
    assert got(pair.daemon, len(GET)) == GET
    pair.daemon.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
    pair.daemon.settimeout(1.0)
    taken = 0
    with suppress(TimeoutError):
        while taken < 50_000_000:
            taken += pair.daemon.send(b"x" * 65536)
    assert taken < 20_000_000


def test_a_client_that_goes_ends_its_connection_to_the_daemon(pair: Pair) -> None:
    passes(pair.client, pair.daemon, b"GET /events HTTP/1.1\r\nHost: d\r\n\r\n")
    passes(pair.daemon, pair.client, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
    pair.client.close()
    assert pair.daemon.recv(1) == b""
    pair._thread.join(PATIENCE)
    assert not pair._thread.is_alive()


def test_a_daemon_that_goes_ends_the_client_s_connection(pair: Pair) -> None:
    passes(pair.client, pair.daemon, GET)
    passes(pair.daemon, pair.client, b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    pair.daemon.close()
    assert pair.client.recv(1) == b""


@pytest.mark.parametrize(
    "data",
    [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"GET / HTTP/1.1\r\nA: b\0c\r\n\r\n", b"x" * 1_100_000],
    ids=["tls", "nul", "endless"],
)
def test_what_is_no_request_is_answered_and_reaches_no_daemon(pair: Pair, data: bytes) -> None:
    threading.Thread(target=_send_what_is_taken, args=(pair.client, data), daemon=True).start()
    assert pair.client.recv(15) == b"HTTP/1.1 400 Ba"
    pair.daemon.setblocking(False)
    with pytest.raises(BlockingIOError):
        pair.daemon.recv(1)


def _send_what_is_taken(sock: socket.socket, data: bytes) -> None:
    with suppress(OSError):
        sock.sendall(data)


def test_a_create_call_that_can_not_be_changed_is_refused_in_json(pair: Pair) -> None:
    for body, status in ((b"no json", b"400"), (b'{"Image": "i"}', b"500")):
        length = b"Content-Length: %d\r\n" % len(body)
        pair.client.sendall(b"POST /containers/create HTTP/1.1\r\nHost: d\r\n" + length + b"\r\n" + body)
        answer = pair.client.recv(4096)
        assert answer.startswith(b"HTTP/1.1 " + status)
        assert b'{"message": "weave: ' in answer
    passes(pair.client, pair.daemon, GET)


@given(st.data())
def test_a_message_ends_at_the_same_byte_however_it_comes(data: Any) -> None:
    body = data.draw(st.binary(max_size=300))
    chunked = data.draw(st.booleans())
    if chunked:
        framing, sent = b"Transfer-Encoding: chunked", b""
        left = body
        while left:
            size = data.draw(st.integers(1, len(left)))
            sent += b"%x\r\n%s\r\n" % (size, left[:size])
            left = left[size:]
        sent += b"0\r\n\r\n"
    else:
        framing, sent = b"Content-Length: %d" % len(body), body
    one = b"POST /x HTTP/1.1\r\nHost: d\r\n" + framing + b"\r\n\r\n" + sent
    stream = one + GET
    kept = data.draw(st.booleans())
    message = messages.request(lambda _: kept)
    out, at = b"", 0
    while not message.ended:
        size = data.draw(st.integers(1, 50))
        out += message.feed(stream[at : at + size])
        at += size
    assert out == one
    assert message.rest == stream[len(one) : at]
    assert bytes(message.body) == (body if kept else b"")


@pytest.mark.parametrize("line", [b"x\r\n", b"-1\r\n", b"\r\n", b"5\n", b"1" * 20 + b"\r\n", b"0" * 70_000])
def test_a_chunk_without_a_length_is_no_message(line: bytes) -> None:
    message = messages.request(lambda _: False)
    message.feed(b"POST /build HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
    with pytest.raises(BadMessage):
        message.feed(line)
