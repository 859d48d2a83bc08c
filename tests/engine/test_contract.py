"""What holds over every adapter: the same assertions for each of them."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.descriptors import descriptors
from tests.engine.conftest import PATIENT, Wire
from tests.fake_engine import FakeEngine, Recorded, Reply, Run
from weave_http.engine import Patience, Request, connect
from weave_http.engine.errors import (
    APIError,
    Conflict,
    NotFound,
    ProtocolError,
    StreamError,
    TimedOut,
    TransportError,
)
from weave_http.engine.wire import body, pool
from weave_http.errors import EngineError

MEGABYTE = 1 << 20
ODD_QUERY = (("name", "a b/c?&=%+#é\n"), ("empty", ""), ("t", "-1"), ("name", "again"))


def eventually(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Wait until something holds; what a daemon notices, it notices a moment later."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def peak_memory(work: Callable[[], None]) -> int:
    """Return by how many bytes the process grew at most while it did something."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before = _status("VmRSS")
    work()
    return _status("VmHWM") - before


def _status(name: str) -> int:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(f"{name}:"))


# -- what is sent ------------------------------------------------------------------------------------------


def test_a_request_arrives_as_it_was_meant(wire: Wire) -> None:
    wire.fake.on("POST", ".*", lambda _request, reply: reply.json({"ok": True}, 201))
    transport = wire.transport()
    request = Request(
        "POST",
        "/v1.41/containers/caf%C3%A9%2Fx/start",
        query=ODD_QUERY,
        headers=(("Content-Type", "application/json"), ("X-Registry-Auth", "e30=")),
        body=b'{"Image":"x"}',
    )
    with transport.send(request) as response:
        assert response.status == 201
        assert response.headers["content-type"] == "application/json"
        assert response.read() == b'{"ok": true}\n'
    transport.close()
    seen = wire.fake.requests[-1]
    assert seen.target == request.target
    assert seen.target.startswith(
        "/v1.41/containers/caf%C3%A9%2Fx/start?name=a+b%2Fc%3F%26%3D%25%2B%23%C3%A9%0A&empty=&"
    )
    assert seen.body == b'{"Image":"x"}'
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["x-registry-auth"] == "e30="
    assert seen.headers["user-agent"].startswith("weave-http/")
    assert seen.headers["accept-encoding"] == "identity"
    assert seen.headers["content-length"] == "13"


def test_a_post_without_a_body_says_so(wire: Wire) -> None:
    wire.fake.on("POST", ".*", lambda _request, reply: reply.send(204))
    with wire.engine() as engine:
        engine.containers.start("c1")
    assert wire.fake.requests[-1].headers.get("content-length") == "0"
    assert "transfer-encoding" not in wire.fake.requests[-1].headers


def test_environment_variables_for_proxies_are_not_heeded(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with wire.engine() as engine:
        assert engine.system.info()["ID"] == "FAKE"


def test_the_version_is_negotiated_once_and_stands_before_every_route(wire: Wire) -> None:
    with wire.engine() as engine:
        engine.system.info()
        engine.system.version()
        assert engine.api_version == (1, 41)
    assert wire.fake.calls() == ["HEAD /_ping", "GET /info", "GET /version"]
    assert [request.version for request in wire.fake.requests] == ["", "v1.41", "v1.41"]


# -- connections -------------------------------------------------------------------------------------------


def test_a_hundred_requests_take_as_few_connections_as_can_be(wire: Wire) -> None:
    wire.fake.images["busybox"] = {"Id": "sha256:1"}
    with wire.engine() as engine:
        for _ in range(25):
            engine.images.inspect("busybox")
            engine.images.tag("busybox", "other:1")
            with pytest.raises(NotFound):
                engine.containers.inspect("missing")
            assert list(engine.images.load([b"manifest.json"]))
    assert wire.fake.connections == wire.kept(4, streams=True)


def test_answers_without_a_body_leave_the_connection_usable(wire: Wire) -> None:
    wire.fake.on("POST", r"/containers/[^/]+/start", lambda _request, reply: reply.send(204))
    wire.fake.on("POST", r"/containers/[^/]+/stop", lambda _request, reply: reply.send(304))
    wire.fake.on("POST", r"/containers/[^/]+/kill", lambda _request, reply: reply.send(200))
    with wire.engine() as engine:
        for _ in range(5):
            engine.ping()
            engine.containers.start("c1")
            engine.containers.stop("c1")
            engine.containers.kill("c1")
    assert wire.fake.connections == wire.kept(4)


def test_an_idle_connection_that_the_daemon_has_closed_is_replaced(wire: Wire) -> None:
    with wire.engine() as engine:
        engine.system.info()
        wire.fake.drop_connections()
        assert eventually(lambda: wire.fake.open_connections == 0)
        # Through ssh the news needs a moment.
        time.sleep(0.7 if wire.slow else 0)
        assert engine.system.info()["ID"] == "FAKE"


def test_what_can_be_repeated_is_sent_again_when_a_kept_connection_died(wire: Wire) -> None:
    """It died after it was looked at, before a first byte: Go's net/http does the same, and only then."""
    asked: list[str] = []

    def dies_once(request: Recorded, reply: Reply) -> None:
        asked.append(request.method)
        if asked.count(request.method) == 1:
            reply.close()
        else:
            reply.json({"ID": "FAKE"})

    with wire.engine() as engine:
        engine.system.info()
        wire.fake.on("GET", "/info", dies_once)
        wire.fake.on("POST", "/containers/c1/start", dies_once)
        assert engine.system.info()["ID"] == "FAKE"
        with pytest.raises(ProtocolError, match="closed the connection without an answer to POST"):
            engine.containers.start("c1")
    assert asked == ["GET", "GET", "POST"]


def test_what_died_in_the_midst_of_its_answer_is_not_sent_again(wire: Wire) -> None:
    with wire.engine() as engine:
        engine.system.info()
        wire.fake.on("GET", "/info", _cut_midway)
        with pytest.raises(ProtocolError, match="in the middle of its answer"):
            engine.system.info()
    assert wire.fake.calls().count("GET /info") == 2


def test_a_connection_of_the_wire_that_was_idle_for_long_is_replaced(
    socket_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeEngine(socket_path) as fake, connect(fake.endpoint, transport="wire") as engine:
        engine.system.info()
        engine.system.info()
        assert fake.connections == 1
        monkeypatch.setattr(pool, "IDLE_SECONDS", 0.0)
        engine.system.info()
        assert fake.connections == 2


def test_a_connection_that_the_daemon_wants_closed_is_not_used_again(wire: Wire) -> None:
    def once(_request: Recorded, reply: Reply) -> None:
        reply.send(200, b"{}", "application/json", Connection="close")
        reply.close()

    wire.fake.on("GET", "/info", once)
    with wire.engine() as engine:
        for _ in range(3):
            assert engine.system.info() == {}


def test_several_streams_are_open_at_once(wire: Wire) -> None:
    gate = threading.Event()
    wire.fake.images["busybox"] = {"Id": "sha256:1"}
    wire.fake.program = lambda _config: Run(output=[(1, b"up\n")], until=gate, code=7)
    with wire.engine() as engine, engine.system.events({"type": ["container"]}) as events:
        created = [engine.containers.create({"Image": "busybox"}, name=f"c{number}").id for number in range(5)]
        outputs = [engine.containers.attach(identity) for identity in created]
        waits = [engine.containers.wait(identity, condition="next-exit") for identity in created]
        # Beside ten streams and the events, the one that the package made the containers on.
        kept = wire.kept(6) if wire.by_package else 0
        assert eventually(lambda: wire.fake.open_connections == 11 + kept)
        for identity in created:
            engine.containers.start(identity)
        assert [next(output) for output in outputs] == [(1, b"up\n")] * 5
        gate.set()
        assert [wait.result().code for wait in waits] == [7] * 5
        assert {next(events)["Action"] for _ in range(10)} >= {"create", "start"}
        for output in outputs:
            assert list(output) == []
        wire.fake.drop_connections()


def test_many_waits_begin_together(wire: Wire) -> None:
    number = 3 if wire.slow else 20
    all_here = threading.Barrier(number)

    def answer(request: Recorded, reply: Reply) -> None:
        # The first is not answered before the last has been asked.
        all_here.wait(PATIENT.connect)
        reply.json({"StatusCode": int(request.path.split("/")[2][1:])})

    wire.fake.on("POST", r"/containers/c\d+/wait", answer)
    with wire.engine() as engine:
        with engine.containers.wait_all([f"c{index}" for index in range(number)]) as waits:
            assert [status.code for status in waits.results()] == list(range(number))
        begun = wire.fake.connections
        with engine.containers.wait_all([f"c{index}" for index in range(number)]) as waits:
            waits.results()
        assert wire.fake.connections == begun, "connections are used again"


def test_one_wait_that_is_refused_ends_all(wire: Wire) -> None:
    def answer(_request: Recorded, reply: Reply) -> None:
        reply.begin("application/json")
        reply.wait(wire.fake.closing)

    wire.fake.on("POST", r"/containers/c\d/wait", answer)
    wire.fake.on("POST", "/containers/c2/wait", lambda _request, reply: reply.error(404, "no such container: c2"))
    with wire.engine() as engine:
        engine.system.info()
        with pytest.raises(NotFound, match="c2"):
            engine.containers.wait_all(["c1", "c2", "c3"])
        # Left are those that ping, info, and the refusal, have given back.
        assert eventually(lambda: wire.fake.open_connections <= wire.kept(2) + 1)
        assert engine.system.info()["ID"] == "FAKE"


def test_waits_on_a_daemon_that_is_gone_leave_no_connection(wire: Wire) -> None:
    before = descriptors()
    with wire.engine() as engine:
        engine.system.info()
        wire.fake.drop_connections()
        assert eventually(lambda: wire.fake.open_connections == 0)
        time.sleep(0.7 if wire.slow else 0)
        wire.fake.close()
        with pytest.raises(TransportError):
            engine.containers.wait_all(["c1", "c2", "c3"])
    assert descriptors() < before, "the listener's is gone too"


def test_a_stream_that_is_closed_early_drops_its_connection_only(wire: Wire) -> None:
    def endless(_request: Recorded, reply: Reply) -> None:
        reply.begin("application/json")
        while not wire.fake.closing.is_set():
            reply.more(b'{"Action":"tick"}\n')

    wire.fake.on("GET", "/events", endless)
    with wire.engine() as engine:
        engine.system.info()
        with engine.system.events() as events:
            assert next(events) == {"Action": "tick"}
        assert eventually(lambda: wire.fake.open_connections <= wire.kept(2))
        engine.system.info()
        assert wire.fake.connections <= 3


def test_closing_the_engine_ends_what_is_still_open(wire: Wire) -> None:
    wire.fake.images["busybox"] = {"Id": "sha256:1"}
    before = descriptors()
    with wire.engine() as engine:
        identity = engine.containers.create({"Image": "busybox"}).id
        output = engine.containers.attach(identity)
        waiter = engine.containers.wait(identity, condition="next-exit")
    assert eventually(lambda: wire.fake.open_connections == 0)
    assert eventually(lambda: descriptors() <= before)
    with pytest.raises(TransportError):
        next(output)
    with pytest.raises(TransportError):
        waiter.result()


def test_hundreds_of_uses_leak_no_descriptor(wire: Wire) -> None:
    wire.fake.on("GET", "/containers/broken/json", _cut_midway)
    wire.fake.on("GET", "/events", _two_events)

    def uses(number: int) -> None:
        with wire.engine() as engine:
            for _ in range(number):
                engine.system.info()
                with engine.system.events() as events:
                    next(events)
                with pytest.raises(ProtocolError):
                    engine.containers.inspect("broken")
                with pytest.raises(NotFound):
                    engine.containers.attach("missing")

    uses(2)
    assert eventually(lambda: wire.fake.open_connections == 0)
    before = descriptors()
    uses(5 if wire.slow else 75)
    assert eventually(lambda: descriptors() <= before)


def _cut_midway(_request: Recorded, reply: Reply) -> None:
    reply.raw(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"Id":')
    reply.close()


def _two_events(_request: Recorded, reply: Reply) -> None:
    reply.begin("application/json")
    reply.more(b'{"Action":"a"}\n')
    reply.more(b'{"Action":"b"}\n')
    reply.end()


# -- bodies ------------------------------------------------------------------------------------------------


def test_an_upload_arrives_whole_and_in_order(wire: Wire) -> None:
    chunks = [bytes([number]) * (number * 37) for number in range(200)]
    with wire.engine() as engine, pytest.raises(StreamError, match="unrecognized image format"):
        list(engine.images.load(iter(chunks)))
    seen = wire.fake.requests[-1]
    assert seen.headers["transfer-encoding"] == "chunked"
    assert "content-length" not in seen.headers
    assert seen.whole
    assert seen.sha256 == hashlib.sha256(b"".join(chunks)).hexdigest()


def test_an_upload_may_be_a_list_or_empty(wire: Wire) -> None:
    with wire.engine() as engine:
        for chunks in ([b"manifest.json"], []):
            stream = engine.images.load(chunks)
            stream.close()
    assert [request.size for request in wire.fake.requests[1:]] == [13, 0]
    assert all(request.headers["transfer-encoding"] == "chunked" for request in wire.fake.requests[1:])


def test_an_upload_that_is_refused_midway_ends_with_the_reason(wire: Wire) -> None:
    """The daemon reads no more and does not hang up either: no library looks for an answer while it writes."""
    piece = os.urandom(MEGABYTE)
    wire.fake.on("POST", "/images/load", lambda _request, reply: reply.error(507, "no space left on the disk"))
    wire.fake.unread = "/images/load"
    with wire.engine() as engine:
        with pytest.raises(APIError, match="no space left on the disk"):
            engine.images.load(piece for _ in range(64))
        assert engine.system.info()["ID"] == "FAKE"


def test_progress_while_uploading_does_not_end_the_upload(wire: Wire) -> None:
    """An answer may begin before the upload has ended."""

    def early(request: Recorded, reply: Reply) -> None:
        reply.begin("application/json")
        reply.more(b'{"status":"reading"}\n')
        wire.fake.read_body(request, reply)
        reply.more(b'{"stream":"Loaded image: x"}\n')
        reply.end()

    piece = os.urandom(MEGABYTE)
    wire.fake.on("POST", "/images/load", early)
    wire.fake.unread = "/images/load"
    with wire.engine() as engine, engine.images.load(piece for _ in range(16)) as progress:
        assert [line.text for line in progress] == ["reading", "Loaded image: x"]
    assert next(request for request in wire.fake.requests if request.path == "/images/load").size == 16 * MEGABYTE


@pytest.mark.parametrize(
    "failure",
    [RuntimeError("disk on fire"), FileNotFoundError(2, "No such file", "x.tar"), BrokenPipeError("gzip died")],
)
def test_what_the_source_of_an_upload_raises_is_raised_as_it_is(wire: Wire, failure: Exception) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"manifest.json"
        raise failure

    before = descriptors()
    with wire.engine() as engine:
        with pytest.raises(type(failure)) as raised:
            engine.images.load(chunks())
        assert raised.value is failure
        assert engine.system.info()["ID"] == "FAKE"
    del raised
    assert eventually(lambda: descriptors() <= before)
    # What ssh has not passed on when it is ended does not arrive at all.

    def loads() -> list[bool]:
        return [request.whole for request in wire.fake.requests if request.path == "/images/load"]

    assert wire.slow or eventually(lambda: bool(loads())), "the fake may not have read it yet"
    assert eventually(lambda: not any(loads()))


def test_an_upload_of_fifty_megabytes_takes_no_memory(wire: Wire) -> None:
    piece = os.urandom(MEGABYTE)

    def work() -> None:
        with wire.engine() as engine, pytest.raises(StreamError):
            list(engine.images.load(piece for _ in range(50)))

    assert peak_memory(work) < 16 * MEGABYTE
    assert wire.fake.requests[-1].size == 50 * MEGABYTE


@pytest.mark.parametrize("chunked", [True, False])
def test_a_download_of_fifty_megabytes_takes_no_memory(wire: Wire, chunked: bool) -> None:
    piece = os.urandom(MEGABYTE)

    def big(_request: Recorded, reply: Reply) -> None:
        reply.begin("application/vnd.docker.raw-stream", chunked=chunked)
        for _ in range(50):
            reply.more(piece)
        reply.end()

    wire.fake.on("GET", "/containers/c1/logs", big)
    received = 0

    def work() -> None:
        nonlocal received
        with wire.engine() as engine, engine.containers.logs("c1", tty=True) as output:
            for _, data in output:
                received += len(data)

    assert peak_memory(work) < 16 * MEGABYTE
    assert received == 50 * MEGABYTE


def test_output_comes_as_soon_as_it_is_there(wire: Wire) -> None:
    taken = threading.Event()

    def slowly(_request: Recorded, reply: Reply) -> None:
        reply.begin("application/vnd.docker.raw-stream", chunked=False)
        reply.more(b"prompt> ")
        assert taken.wait(10)
        reply.more(b"rest")

    wire.fake.on("POST", "/containers/c1/attach", slowly)
    with wire.engine() as engine, engine.containers.attach("c1", tty=True) as output:
        assert next(output) == (1, b"prompt> ")
        taken.set()
        assert next(output) == (1, b"rest")
        assert list(output) == []


def test_a_daemon_that_refuses_an_upload_before_its_end_is_understood(wire: Wire) -> None:
    def refuse(_request: Recorded, reply: Reply) -> None:
        reply.error(500, "no space left on device")

    wire.fake.on("POST", "/images/load", refuse)
    with wire.engine() as engine, pytest.raises(APIError, match="no space left"):
        engine.images.load(iter([b"x" * 1000]))


# -- a whole life ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("api_version", "tty"), [("1.41", False), ("1.41", True), ("1.51", False), ("1.51", True)])
def test_the_life_of_a_container(wire: Wire, api_version: str, tty: bool) -> None:
    wire.fake.api_version = api_version
    wire.fake.images["busybox"] = {"Id": "sha256:1"}
    wire.fake.program = lambda _config: Run(output=[(1, b"out\n"), (2, b"err\n"), (1, b"\x01\x00")], code=42)
    with wire.engine() as engine:
        created = engine.containers.create({"Image": "busybox", "Tty": tty}, name="c1")
        with (
            engine.containers.attach(created.id, tty=tty) as output,
            engine.containers.wait(created.id, condition="next-exit") as waiter,
        ):
            engine.containers.start(created.id)
            pieces = list(output)
            assert waiter.result().code == 42
        written = b"".join(data for stream, data in pieces if stream == 1)
        assert written == (b"out\nerr\n\x01\x00" if tty else b"out\n\x01\x00")
        assert b"".join(data for stream, data in pieces if stream == 2) == (b"" if tty else b"err\n")
        with engine.containers.logs("c1", tty=tty, tail=1) as log:
            assert list(log) == [(1, b"\x01\x00")]
        assert engine.containers.inspect("c1")["State"]["ExitCode"] == 42
        with pytest.raises(Conflict, match="already in use"):
            engine.containers.create({"Image": "busybox"}, name="c1")
        engine.containers.remove("c1", force=True, volumes=True)
        assert engine.containers.list(all=True) == []


# -- misbehaviour ------------------------------------------------------------------------------------------


def one_line(error: EngineError, wire: Wire) -> str:
    """Return an error's line, after checking that it is one and names the endpoint."""
    text = str(error)
    assert "\n" not in text
    assert len(text) < 700
    assert wire.endpoint.url in text
    return text


def inspect_fails(
    wire: Wire, kind: type[EngineError], handler: Callable[[Recorded, Reply], None], *, hangs: bool = False
) -> str:
    """Return the line with which an inspect fails.

    Args:
        hangs: the daemon is to be given up. Else time is no matter: how long ssh takes for a connection is not known.
    """
    wire.fake.on("GET", "/containers/c1/json", handler)
    before = descriptors()
    with wire.engine(wire.hasty if hangs else PATIENT) as engine:
        with pytest.raises(kind) as raised:
            engine.containers.inspect("c1")
        assert engine.system.info()["ID"] == "FAKE", "the next call takes a fresh connection"
    text = one_line(raised.value, wire)
    raised.value.__traceback__ = None
    del raised
    assert eventually(lambda: descriptors() <= before)
    return text


def test_a_daemon_that_hangs_is_given_up(wire: Wire) -> None:
    text = inspect_fails(wire, TimedOut, lambda _request, reply: reply.wait(wire.fake.closing), hangs=True)
    assert f"was silent for {wire.hasty.quick:g} s during GET /containers/c1/json" in text


def test_a_daemon_that_hangs_within_its_answer_is_given_up(wire: Wire) -> None:
    def half(_request: Recorded, reply: Reply) -> None:
        reply.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        reply.wait(wire.fake.closing)

    assert "was silent" in inspect_fails(wire, TimedOut, half, hangs=True)


def _endless(beginning: bytes, again: bytes) -> Callable[[Recorded, Reply], None]:
    def handler(_request: Recorded, reply: Reply) -> None:
        reply.raw(beginning)
        while True:  # until the client hangs up
            reply.raw(again)
            time.sleep(0.01)

    return handler


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize(
    "handler",
    [
        _endless(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"),
        _endless(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" "),
        _endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        _endless(b"HTTP/1.1 200 OK\r\n\r\n", b" "),
    ],
    ids=["head", "counted", "chunks", "to the end"],
)
def test_a_daemon_that_drips_is_given_up(
    wire: Wire, handler: Callable[[Recorded, Reply], None], request: pytest.FixtureRequest
) -> None:
    is_head = request.node.callspec.id.endswith("head")
    wire.fake.on("GET", "/containers/c1/json", handler)
    with wire.engine(wire.dripped) as engine:
        engine.ping()
        with pytest.raises(TimedOut, match=r"did not finish its answer to GET /containers/c1/json within \d(.5)? s"):
            engine.containers.inspect("c1")
    # A package that waits for a head can't be stopped, nor closed.
    left = wire.kept(2) if wire.by_package and is_head else 0
    assert eventually(lambda: wire.fake.open_connections <= left)


def test_a_daemon_that_drips_at_the_first_call_is_given_up(wire: Wire) -> None:
    wire.fake.on("HEAD", "/_ping", _endless(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"))
    with wire.engine(wire.dripped) as engine, pytest.raises(TimedOut, match=r"answer to HEAD /_ping within"):
        engine.containers.inspect("c1")


# A package's call that is left alone leaves its socket to the interpreter, which warns.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize(
    ("beginning", "again"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 10),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X-Trailer: x\r\n" * 1000),
    ],
    ids=["interim answers", "trailers"],
)
def test_a_daemon_that_never_comes_to_the_point_is_given_up(wire: Wire, beginning: bytes, again: bytes) -> None:
    wire.fake.on("GET", "/containers/c1/json", _endless(beginning, again))
    # The packages count neither, so that only the time for the whole ends them.
    with wire.engine(wire.dripped if wire.by_package else PATIENT) as engine:
        with pytest.raises((TimedOut, ProtocolError) if wire.by_package else ProtocolError):
            engine.containers.inspect("c1")
        assert engine.system.info()["ID"] == "FAKE", "the next call takes a fresh connection"


def test_an_answer_that_is_too_large_is_not_held(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "MAX_WHOLE", MEGABYTE)
    text = inspect_fails(wire, ProtocolError, _endless(b"HTTP/1.1 200 OK\r\n\r\n", b" " * MEGABYTE))
    assert "GET /containers/c1/json is larger than" in text
    wire.fake.on("POST", "/containers/create", _endless(b"HTTP/1.1 201 OK\r\n\r\n", b" " * MEGABYTE))
    with wire.engine() as engine, pytest.raises(ProtocolError, match="POST /containers/create is larger than"):
        engine.containers.create({"Image": "busybox"})


def test_a_wait_may_last_longer_than_any_time_out(wire: Wire) -> None:
    def late(_request: Recorded, reply: Reply) -> None:
        time.sleep(wire.hasty.quick * 1.2)
        reply.begin("application/json")
        time.sleep(wire.hasty.quick * 1.2)
        reply.more(b'{"StatusCode":0}\n')
        reply.end()

    wire.fake.on("POST", "/containers/c1/wait", late)
    with wire.engine(wire.hasty) as engine, engine.containers.wait("c1") as waiter:
        assert waiter.result().code == 0


def test_a_connection_closed_without_an_answer(wire: Wire) -> None:
    text = inspect_fails(wire, ProtocolError, lambda _request, reply: reply.close())
    assert "closed the connection without an answer to GET /containers/c1/json" in text


def test_a_connection_closed_within_the_head(wire: Wire) -> None:
    def half(_request: Recorded, reply: Reply) -> None:
        reply.raw(b"HTTP/1.1 200 OK\r\nContent-Le")
        reply.close()

    inspect_fails(wire, ProtocolError, half)


def test_a_connection_closed_within_a_body(wire: Wire) -> None:
    text = inspect_fails(wire, ProtocolError, _cut_midway)
    assert "closed the connection in the middle of its answer to GET /containers/c1/json" in text


@pytest.mark.parametrize("piece", [b"5\r\n{", b"5\r\n", b"5", b"2\r\n{}\r\n"])
def test_a_connection_closed_within_a_chunk(wire: Wire, piece: bytes) -> None:
    def half(_request: Recorded, reply: Reply) -> None:
        reply.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + piece)
        reply.close()

    inspect_fails(wire, ProtocolError, half)


@pytest.mark.parametrize("piece", [b"zz\r\n{}\r\n0\r\n\r\n", b"-1\r\n{}\r\n0\r\n\r\n"])
def test_garbage_between_chunks(wire: Wire, piece: bytes) -> None:
    def garbage(_request: Recorded, reply: Reply) -> None:
        reply.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + piece)
        reply.close()

    inspect_fails(wire, ProtocolError, garbage)


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2p1\r\n",
        b"\x00\x01\x02\x03\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X" * 200_000,
    ],
)
def test_an_answer_that_is_not_http(wire: Wire, answer: bytes) -> None:
    def garbage(_request: Recorded, reply: Reply) -> None:
        reply.raw(answer)
        reply.close()

    inspect_fails(wire, ProtocolError, garbage)


def test_an_answer_that_is_not_json(wire: Wire) -> None:
    text = inspect_fails(wire, ProtocolError, lambda _request, reply: reply.send(200, b"welcome\nto the portal"))
    assert "'welcome to the portal' where JSON was expected" in text


def test_a_redirect_of_a_post_is_not_followed(wire: Wire) -> None:
    wire.fake.on("POST", "/containers/c1/start", lambda _request, reply: reply.send(301, Location="/elsewhere"))
    with wire.engine() as engine, pytest.raises(APIError) as raised:
        engine.containers.start("c1")
    assert raised.value.status == 301
    assert "'/elsewhere', which is not followed" in one_line(raised.value, wire)
    assert wire.fake.calls() == ["HEAD /_ping", "POST /containers/c1/start"]


def test_an_error_in_plain_text_is_told_as_it_is(wire: Wire) -> None:
    wire.fake.on("POST", "/containers/c1/start", lambda _request, reply: reply.send(500, b"the disk\nis full\n"))
    with wire.engine() as engine, pytest.raises(APIError) as raised:
        engine.containers.start("c1")
    assert str(raised.value) == "the disk is full"
    assert (raised.value.status, raised.value.call) == (500, "POST /containers/c1/start")


def test_a_proxy_page_becomes_one_line(wire: Wire) -> None:
    page = (
        b"<html>\r\n<head><title>502 Bad Gateway</title></head><body><hr>nginx"
        + b"<p>x</p>" * 10000
        + b"</body></html>"
    )
    wire.fake.on("GET", "/info", lambda _request, reply: reply.send(502, page, "text/html"))
    with wire.engine() as engine, pytest.raises(APIError) as raised:
        engine.system.info()
    assert str(raised.value) == "not the daemon but a proxy or web server answered: 502 Bad Gateway"


def test_an_error_without_a_word_names_call_and_status(wire: Wire) -> None:
    wire.fake.on("GET", "/info", lambda _request, reply: reply.send(503))
    with wire.engine() as engine, pytest.raises(APIError) as raised:
        engine.system.info()
    assert "answered GET /info with 503 Service Unavailable and no reason" in one_line(raised.value, wire)


def test_an_endless_error_is_read_to_a_limit(wire: Wire) -> None:
    def endless(_request: Recorded, reply: Reply) -> None:
        reply.begin("text/plain", status=500)
        while not wire.fake.closing.is_set():
            reply.more(b"so sorry " * 1000)

    wire.fake.on("GET", "/info", endless)
    with wire.engine() as engine, pytest.raises(APIError, match="so sorry"):
        engine.system.info()


def test_a_response_can_be_closed_twice_and_tells_when_it_is_read_too_late(wire: Wire) -> None:
    transport = wire.transport()
    response = transport.send(Request("GET", "/v1.41/info", patience=Patience.LONG))
    response.close()
    response.close()
    with pytest.raises(ProtocolError, match="closed before"):
        response.read()
    with transport.send(Request("GET", "/v1.41/info")) as response:
        assert response.read()
        assert response.read() == b""
    transport.close()
    transport.close()
