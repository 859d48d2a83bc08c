"""Attach with stdin and exec, over every adapter: what holds for a conversation."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterable

import pytest

from tests.descriptors import descriptors
from tests.engine.conftest import Wire
from tests.engine.test_contract import eventually
from tests.fake_engine import Recorded, Reply, Run, frame
from weave_http.engine import Engine, Request
from weave_http.engine.errors import APIError, Conflict, NotFound, ProtocolError, StreamError, TimedOut

MEGABYTE = 1 << 20
SWITCHED = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"


def echo(heard: bytes) -> Iterable[tuple[int, bytes]]:
    return [(1, heard)] if heard else [(2, b"bye\n")]


def started(wire: Wire, engine: Engine, *, tty: bool = False, run: Run | None = None) -> str:
    """Create a container that answers, without starting it."""
    wire.fake.images["busybox"] = {"Id": "sha256:1"}
    wire.fake.program = lambda _config: run or Run(output=[(1, b"hello\n")], answer=echo, code=5)
    return engine.containers.create({"Image": "busybox", "OpenStdin": True, "Tty": tty}, name="c1").id


@pytest.mark.parametrize("tty", [False, True])
def test_a_conversation_with_a_container(wire: Wire, tty: bool) -> None:
    with wire.engine() as engine:
        identity = started(wire, engine, tty=tty)
        with (
            engine.containers.attach(identity, stdin=True, tty=tty, detach_keys="ctrl-x,x") as session,
            engine.containers.wait(identity, condition="next-exit") as waiter,
        ):
            engine.containers.start(identity)
            assert next(session) == (1, b"hello\n")
            session.write(b"one\n")
            assert next(session) == (1, b"one\n")
            session.write(b"")
            session.close_stdin()
            session.close_stdin()
            assert list(session) == [(1 if tty else 2, b"bye\n")]
            assert waiter.result().code == 5
    attach = next(request for request in wire.fake.requests if request.path.endswith("/attach"))
    assert attach.query == {"stream": "1", "stdin": "1", "stdout": "1", "stderr": "1", "detachKeys": "ctrl-x,x"}
    assert (attach.headers["connection"], attach.headers["upgrade"]) == ("Upgrade", "tcp")
    assert (attach.headers["content-length"], attach.body) == ("0", b"")


def test_stdin_ends_while_output_goes_on(wire: Wire) -> None:
    """Half-close: the program hears the end of its input, and still has much to say."""
    last_words = [(1, bytes([number]) * 65536) for number in range(32)]
    with wire.engine() as engine:
        identity = started(wire, engine, run=Run(answer=lambda heard: [] if heard else last_words))
        with engine.containers.attach(identity, stdin=True) as session:
            engine.containers.start(identity)
            session.write(b"x")
            session.close_stdin()
            assert b"".join(data for _, data in session) == b"".join(data for _, data in last_words)


def test_much_input_and_much_output_at_once_stand_still_nowhere(wire: Wire) -> None:
    data = os.urandom(8 * MEGABYTE)
    digest = hashlib.sha256()
    with wire.engine() as engine:
        identity = started(wire, engine, run=Run(answer=echo))
        with engine.containers.attach(identity, stdin=True) as session:
            engine.containers.start(identity)
            session.write(data)
            session.close_stdin()
            for stream, piece in session:
                if stream == 1:
                    digest.update(piece)
            assert session.unsent == 0
    assert digest.digest() == hashlib.sha256(data).digest()


def test_stdin_comes_from_a_descriptor_no_faster_than_it_is_taken(wire: Wire) -> None:
    data = os.urandom(2 * MEGABYTE)
    source, sink = os.pipe()

    def write() -> None:
        with open(sink, "wb") as file:
            file.write(data)

    writer = threading.Thread(target=write)
    received, most = b"", 0
    with wire.engine() as engine:
        identity = started(wire, engine, run=Run(answer=echo))
        with engine.containers.attach(identity, stdin=True) as session:
            engine.containers.start(identity)
            session.feed_from(source)
            writer.start()
            for stream, piece in session:
                most = max(most, session.unsent)
                received += piece if stream == 1 else b""
    writer.join(10)
    os.close(source)
    assert received == data
    assert most < 200_000


def test_output_that_shares_a_packet_with_the_head_is_kept(wire: Wire) -> None:
    def early(_request: Recorded, reply: Reply) -> None:
        reply.raw(SWITCHED + frame(1, b"early ") + frame(1, b"bird")[:9])
        reply.raw(frame(1, b"bird")[9:])
        reply.close()

    wire.fake.on("POST", "/containers/c1/attach", early)
    with wire.engine() as engine, engine.containers.attach("c1", stdin=True) as session:
        assert b"".join(data for _, data in session) == b"early bird"


def test_a_daemon_that_answers_200_is_listened_to_all_the_same(wire: Wire) -> None:
    def old(_request: Recorded, reply: Reply) -> None:
        reply.raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n" + frame(1, b"out"))
        reply.close()

    wire.fake.on("POST", "/containers/c1/attach", old)
    with wire.engine() as engine, engine.containers.attach("c1", stdin=True) as session:
        assert list(session) == [(1, b"out")]


@pytest.mark.parametrize(
    "field", ["Transfer-Encoding: chunked", "Content-Length: 0", "Connection: close", "Via: 1.1 x"]
)
def test_a_proxy_that_does_not_pass_the_upgrade_on_is_named(wire: Wire, field: str) -> None:
    """It waits for the end of a request whose body never comes, and would take stdin for the next request."""

    def ordinary(_request: Recorded, reply: Reply) -> None:
        reply.raw(f"HTTP/1.1 200 OK\r\n{field}\r\n\r\n".encode())
        reply.wait(wire.fake.closing)

    for path in ("/containers/c1/attach", "/exec/1/start"):
        wire.fake.on("POST", path, ordinary)
    words = r"with 200 where the connection was asked for; a proxy in between has to pass on `Upgrade: tcp`"
    with wire.engine() as engine:
        with pytest.raises(ProtocolError, match=f"POST /containers/c1/attach {words}"):
            engine.containers.attach("c1", stdin=True)
        with pytest.raises(ProtocolError, match=f"POST /exec/1/start {words}"):
            engine.execs.start("1")
    assert eventually(lambda: wire.fake.open_connections == 0)


def test_a_program_that_ends_without_reading_its_input_is_no_failure(wire: Wire) -> None:
    with wire.engine() as engine:
        identity = started(wire, engine, run=Run(output=[(1, b"done\n")], code=3))
        with (
            engine.containers.attach(identity, stdin=True) as session,
            engine.containers.wait(identity, condition="next-exit") as waiter,
        ):
            engine.containers.start(identity)
            assert next(session) == (1, b"done\n")
            for _ in range(50):
                session.write(b"x" * 65536)
            list(session)
            assert waiter.result().code == 3


def test_a_command_in_a_container(wire: Wire) -> None:
    gate = threading.Event()
    with wire.engine() as engine:
        identity = started(wire, engine, run=Run(until=gate))
        with pytest.raises(Conflict, match="not running"):
            engine.execs.create(identity, ["true"])
        engine.containers.start(identity)
        command = engine.execs.create(
            identity, ["cat", "-n"], stdin=True, environment={"A": "b"}, user="1:2", directory="/tmp", detach_keys="a"
        )
        assert wire.fake.requests[-1].json == {
            "AttachStdin": True,
            "AttachStdout": True,
            "AttachStderr": True,
            "Tty": False,
            "Cmd": ["cat", "-n"],
            "Env": ["A=b"],
            "User": "1:2",
            "WorkingDir": "/tmp",
            "Privileged": False,
            "DetachKeys": "a",
        }
        wire.fake.program = lambda _config: Run(answer=echo, code=9)
        with engine.execs.start(command) as session:
            assert wire.fake.requests[-1].json == {"Detach": False, "Tty": False}
            session.write(b"hi")
            assert next(session) == (1, b"hi")
            engine.execs.resize(command, height=25, width=80)
            assert engine.execs.inspect(command)["Running"]
            session.close_stdin()
            assert list(session) == [(2, b"bye\n")]
        assert eventually(lambda: engine.execs.inspect(command)["ExitCode"] == 9)
        assert wire.fake.execs[command].sizes == [(25, 80)]
        wire.fake.program = lambda _config: Run(code=1)
        engine.execs.start_detached(command)
        assert wire.fake.requests[-1].json == {"Detach": True, "Tty": False}
        gate.set()


def test_a_terminal_is_resized(wire: Wire) -> None:
    with wire.engine() as engine:
        identity = started(wire, engine, tty=True)
        engine.containers.resize(identity, height=50, width=132)
        assert wire.fake.containers[identity].sizes == [(50, 132)]


def test_an_attach_that_is_refused_is_told_in_the_daemon_s_words(wire: Wire) -> None:
    wire.fake.on("POST", "/containers/c1/attach", lambda _request, reply: reply.error(409, "container is paused"))
    wire.fake.on("POST", "/containers/c2/attach", lambda _request, reply: reply.send(502, b"<html>Bad</html>"))
    before = descriptors()
    with wire.engine() as engine:
        with pytest.raises(NotFound, match="No such container: missing"):
            engine.containers.attach("missing", stdin=True)
        with pytest.raises(Conflict, match="container is paused"):
            engine.containers.attach("c1", stdin=True)
        with pytest.raises(APIError, match="proxy or web server"):
            engine.containers.attach("c2", stdin=True)
        with pytest.raises(NotFound, match="No such exec instance"):
            engine.execs.start("0")
    assert eventually(lambda: descriptors() <= before)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "closed the connection without an answer to POST /containers/c1/attach"),
        (b"HTTP/1.1 101 UPG", "closed the connection without an answer to POST /containers/c1/attach"),
        (b"SSH-2.0-OpenSSH\r\n", "did not answer in HTTP to POST /containers/c1/attach"),
    ],
)
def test_an_attach_that_is_not_answered_in_http(wire: Wire, answer: bytes, words: str) -> None:
    def garbage(_request: Recorded, reply: Reply) -> None:
        reply.raw(answer)
        reply.close()

    wire.fake.on("POST", "/containers/c1/attach", garbage)
    before = descriptors()
    with wire.engine() as engine:
        with pytest.raises(ProtocolError) as raised:
            engine.containers.attach("c1", stdin=True)
        assert words in str(raised.value)
        assert "\n" not in str(raised.value)
    del raised
    assert eventually(lambda: descriptors() <= before)


def test_output_that_is_cut_within_a_frame_is_a_failure(wire: Wire) -> None:
    def cut(_request: Recorded, reply: Reply) -> None:
        reply.raw(SWITCHED + frame(1, b"whole") + frame(1, b"half")[:10])
        reply.close()

    wire.fake.on("POST", "/containers/c1/attach", cut)
    with wire.engine() as engine, engine.containers.attach("c1", stdin=True) as session:
        assert next(session) == (1, b"whole")
        with pytest.raises(StreamError, match="cut off, 2 bytes short"):
            list(session)


def test_a_session_may_be_silent_for_longer_than_any_time_out(wire: Wire) -> None:
    def slow(_request: Recorded, reply: Reply) -> None:
        wire.fake.closing.wait(wire.hasty.quick * 1.2)
        reply.raw(SWITCHED)
        wire.fake.closing.wait(wire.hasty.quick * 1.2)
        reply.raw(frame(1, b"late"))
        reply.close()

    wire.fake.on("POST", "/containers/c1/attach", slow)
    with wire.engine(wire.hasty) as engine, engine.containers.attach("c1", stdin=True) as session:
        assert list(session) == [(1, b"late")]


def test_closing_the_engine_ends_sessions(wire: Wire) -> None:
    before = descriptors()
    with wire.engine() as engine:
        identity = started(wire, engine)
        session = engine.containers.attach(identity, stdin=True)
        engine.containers.start(identity)
    assert eventually(lambda: wire.fake.open_connections == 0)
    assert eventually(lambda: descriptors() <= before)
    with pytest.raises(ProtocolError, match="was closed before"):
        next(session)


def test_hundreds_of_sessions_leak_no_descriptor(wire: Wire) -> None:
    def uses(number: int, engine: Engine) -> None:
        for _ in range(number):
            with engine.containers.attach("c1", stdin=True) as session:
                session.write(b"x")

    def hang_up(_request: Recorded, reply: Reply) -> None:
        reply.raw(SWITCHED)
        reply.close()

    wire.fake.on("POST", "/containers/c1/attach", hang_up)
    with wire.engine() as engine:
        uses(2, engine)
        before = len(descriptors())
        uses(10 if wire.slow else 250, engine)
        assert eventually(lambda: len(descriptors()) <= before)


def test_a_body_of_unknown_length_can_t_be_sent_on_such_a_connection(wire: Wire) -> None:
    transport = wire.transport()
    with pytest.raises(ProtocolError, match="unknown length"):
        transport.hijack(Request("POST", "/v1.41/exec/1/start", body=iter([b"{}"])))
    transport.close()


def test_a_daemon_that_never_answers_an_impatient_hijack_is_given_up(wire: Wire) -> None:
    wire.fake.on("POST", "/exec/1/start", lambda _request, reply: reply.wait(wire.fake.closing))
    transport = wire.transport(wire.hasty)
    with pytest.raises(TimedOut, match=f"was silent for {wire.hasty.quick:g} s during POST /exec/1/start"):
        transport.hijack(Request("POST", "/v1.41/exec/1/start"))
    transport.close()
