"""Every call: the request it sends, and the two tests that each of them has to pass: status 500, and a blank id."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.fake_engine import FakeEngine, Recorded, Reply, frame
from weave_http.engine import Engine, Patience, Progress, Request, connect, local_engine
from weave_http.engine.errors import (
    APIError,
    InvalidReference,
    NotFound,
    ProtocolError,
    StreamError,
    VersionError,
)
from weave_http.engine.progress import progress
from weave_http.engine.wire.contract import Response, Transport
from weave_http.engine.wire.pool import WireTransport

Call = Callable[[Engine, str], object]

QUICK, LONG, STREAM = Patience.QUICK, Patience.LONG, Patience.STREAM
CALLS: dict[str, tuple[Call, str, Patience]] = {
    "containers.create": (
        lambda engine, _: engine.containers.create({"Image": "x"}, name="c1", platform="linux/arm64"),
        "POST /v1.41/containers/create?name=c1&platform=linux%2Farm64",
        LONG,
    ),
    "containers.inspect": (lambda engine, ref: engine.containers.inspect(ref), "GET /v1.41/containers/c1/json", QUICK),
    "containers.list": (
        lambda engine, _: engine.containers.list(all=True, filters={"label": ["a=b"]}),
        "GET /v1.41/containers/json?all=1&filters=%7B%22label%22%3A%5B%22a%3Db%22%5D%7D",
        QUICK,
    ),
    "containers.attach": (
        lambda engine, ref: engine.containers.attach(ref),
        "POST /v1.41/containers/c1/attach?stream=1&stdout=1&stderr=1",
        STREAM,
    ),
    "containers.attach to one stream": (
        lambda engine, ref: engine.containers.attach(ref, stdout=False),
        "POST /v1.41/containers/c1/attach?stream=1&stderr=1",
        STREAM,
    ),
    "containers.logs": (
        lambda engine, ref: engine.containers.logs(ref, tail=5, follow=True),
        "GET /v1.41/containers/c1/logs?stdout=1&stderr=1&tail=5&follow=1",
        STREAM,
    ),
    "containers.wait": (
        lambda engine, ref: engine.containers.wait(ref, condition="next-exit"),
        "POST /v1.41/containers/c1/wait?condition=next-exit",
        STREAM,
    ),
    "containers.start": (lambda engine, ref: engine.containers.start(ref), "POST /v1.41/containers/c1/start", LONG),
    "containers.stop": (
        lambda engine, ref: engine.containers.stop(ref, timeout=3),
        "POST /v1.41/containers/c1/stop?t=3",
        LONG,
    ),
    "containers.restart": (
        lambda engine, ref: engine.containers.restart(ref),
        "POST /v1.41/containers/c1/restart",
        LONG,
    ),
    "containers.kill": (
        lambda engine, ref: engine.containers.kill(ref, "INT"),
        "POST /v1.41/containers/c1/kill?signal=INT",
        LONG,
    ),
    "containers.remove": (
        lambda engine, ref: engine.containers.remove(ref, force=True, volumes=True),
        "DELETE /v1.41/containers/c1?v=1&force=1",
        LONG,
    ),
    "images.inspect": (lambda engine, ref: engine.images.inspect(ref), "GET /v1.41/images/c1/json", QUICK),
    "images.list": (
        lambda engine, _: engine.images.list(all=True, filters={"reference": ["x"]}),
        "GET /v1.41/images/json?all=1&filters=%7B%22reference%22%3A%5B%22x%22%5D%7D",
        QUICK,
    ),
    "images.pull": (
        lambda engine, ref: engine.images.pull(ref, platform="linux"),
        "POST /v1.41/images/create?fromImage=c1&tag=latest&platform=linux",
        LONG,
    ),
    "images.load": (lambda engine, _: engine.images.load([b"tar"]), "POST /v1.41/images/load?quiet=0", LONG),
    "images.tag": (
        lambda engine, ref: engine.images.tag(ref, "other/name:1"),
        "POST /v1.41/images/c1/tag?repo=other%2Fname&tag=1",
        LONG,
    ),
    "images.remove": (
        lambda engine, ref: engine.images.remove(ref, force=True),
        "DELETE /v1.41/images/c1?force=1",
        LONG,
    ),
    "networks.inspect": (lambda engine, ref: engine.networks.inspect(ref), "GET /v1.41/networks/c1", QUICK),
    "volumes.create": (lambda engine, ref: engine.volumes.create(ref), "POST /v1.41/volumes/create", LONG),
    "volumes.inspect": (lambda engine, ref: engine.volumes.inspect(ref), "GET /v1.41/volumes/c1", QUICK),
    "volumes.list": (
        lambda engine, _: engine.volumes.list(filters={"name": ["x"]}),
        "GET /v1.41/volumes?filters=%7B%22name%22%3A%5B%22x%22%5D%7D",
        QUICK,
    ),
    "volumes.remove": (
        lambda engine, ref: engine.volumes.remove(ref, force=True),
        "DELETE /v1.41/volumes/c1?force=1",
        LONG,
    ),
    "system.version": (lambda engine, _: engine.system.version(), "GET /v1.41/version", QUICK),
    "system.info": (lambda engine, _: engine.system.info(), "GET /v1.41/info", QUICK),
    "system.events": (
        lambda engine, _: engine.system.events({"type": ["container"]}, since="1", until="2"),
        "GET /v1.41/events?since=1&until=2&filters=%7B%22type%22%3A%5B%22container%22%5D%7D",
        STREAM,
    ),
}
LISTS = {"containers.list", "images.list", "images.remove"}
"""Calls whose answers are lists."""
WITHOUT_REFERENCE = {"images.load", "images.list", "volumes.list", "containers.list", "containers.create"} | {
    name for name in CALLS if name.startswith("system.")
}


class Canned(Transport):
    """A transport that is none: it answers by itself, and keeps what it was sent."""

    def __init__(self, status: int, body: bytes) -> None:
        self.sent: list[Request] = []
        self._status = status
        self._body = body

    def send(self, request: Request) -> Response:
        self.sent.append(request)
        return CannedResponse(200 if request.path == "/_ping" else self._status, self._body)

    def close(self) -> None:
        pass


class CannedResponse:
    def __init__(self, status: int, body: bytes) -> None:
        self.status = status
        self.headers: Mapping[str, str] = {"api-version": "1.41", "content-type": "application/json"}
        self._body = body

    def chunks(self) -> Iterator[bytes]:
        yield self._body

    def read(self) -> bytes:
        return self._body

    def close(self) -> None:
        pass

    def __enter__(self) -> CannedResponse:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("name", CALLS)
def test_what_a_call_sends(name: str) -> None:
    call, expected, patience = CALLS[name]
    transport = Canned(200, b"[]" if name in LISTS else b'{"Id": "x"}')
    call(Engine(transport), "c1")
    ping, request = transport.sent
    assert (ping.method, ping.path) == ("HEAD", "/_ping")
    assert f"{request.method} {request.target}" == expected
    assert request.patience is patience


@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_fails_says_what_the_daemon_said(name: str) -> None:
    call, expected, _ = CALLS[name]
    with pytest.raises(APIError) as raised:
        call(Engine(Canned(500, b'{"message":"server error"}')), "c1")
    assert str(raised.value) == "server error"
    assert raised.value.call == expected.partition("?")[0].replace("/v1.41", "")


@pytest.mark.parametrize("name", sorted(CALLS.keys() - WITHOUT_REFERENCE))
@pytest.mark.parametrize("blank", ["", " "])
def test_a_blank_reference_is_refused_before_anything_is_sent(name: str, blank: str) -> None:
    transport = Canned(200, b"{}")
    with pytest.raises(InvalidReference, match="empty name"):
        CALLS[name][0](Engine(transport), blank)
    assert transport.sent == []


@pytest.mark.parametrize("status", [200, 204, 304])
def test_what_is_started_or_stopped_already_is_no_error(status: int) -> None:
    engine = Engine(Canned(status, b""))
    engine.containers.start("c1")
    engine.containers.stop("c1")


def test_304_is_an_error_elsewhere() -> None:
    with pytest.raises(APIError):
        Engine(Canned(304, b"")).containers.remove("c1")


def test_a_transport_can_be_watched_or_replaced() -> None:
    seen: list[Transport] = []
    canned = Canned(200, b"{}")

    def replace(transport: Transport) -> Transport:
        seen.append(transport)
        return canned

    from weave_http.engine import Endpoint

    with connect(Endpoint("unix", path="/nowhere.sock"), watch=replace) as engine:
        assert engine.system.info() == {}
    assert len(seen) == 1
    assert [request.call for request in canned.sent] == ["HEAD /_ping", "GET /info"]


def test_a_platform_needs_a_version_that_knows_it() -> None:
    transport = Canned(201, b"{}")
    with pytest.raises(VersionError, match=r"since API 1\.41, and the daemon speaks 1\.40"):
        Engine(transport, api_version="1.40").containers.create({}, platform="linux/arm64")
    assert transport.sent == []


@pytest.mark.parametrize("name", ["a/b", "../x", "a?b", "a#b", "a%20b", "a b", "é", "-x"])
def test_names_that_an_engine_has_for_nothing_are_not_sent_to_it(name: str) -> None:
    transport = Canned(204, b"")
    with pytest.raises(InvalidReference, match="is no container's name or id"):
        Engine(transport).containers.start(name)
    assert transport.sent == []


# -- streams -----------------------------------------------------------------------------------------------


@pytest.fixture
def fake(socket_path: Path) -> Iterator[FakeEngine]:
    with FakeEngine(socket_path) as engine:
        yield engine


@pytest.fixture
def engine(fake: FakeEngine) -> Iterator[Engine]:
    with local_engine(fake.endpoint.path) as client:
        yield client


@pytest.mark.parametrize(
    ("version", "content_type", "tty", "raw"),
    [
        ("1.41", "application/vnd.docker.raw-stream", False, False),
        ("1.41", "application/vnd.docker.raw-stream", True, True),
        ("1.41", "application/vnd.docker.multiplexed-stream", True, True),
        ("1.42", "application/vnd.docker.raw-stream", False, False),
        ("1.42", "application/vnd.docker.raw-stream", True, True),
        ("1.42", "application/vnd.docker.multiplexed-stream; x=y", True, False),
        ("1.42", "application/octet-stream", True, True),
        ("1.42", "application/octet-stream", False, False),
    ],
)
def test_who_decides_whether_output_is_multiplexed(
    fake: FakeEngine, version: str, content_type: str, tty: bool, raw: bool
) -> None:
    def attach(_request: Recorded, reply: Reply) -> None:
        reply.begin(content_type, chunked=False)
        reply.more(b"raw output" if raw else frame(2, b"framed"))

    fake.on("POST", "/containers/c1/attach", attach)
    fake.api_version = version
    with (
        Engine(WireTransport(fake.endpoint), api_version=version) as engine,
        engine.containers.attach("c1", tty=tty) as output,
    ):
        assert list(output) == ([(1, b"raw output")] if raw else [(2, b"framed")])


def test_output_that_is_cut_off_within_a_frame_is_no_end(fake: FakeEngine, engine: Engine) -> None:
    def attach(_request: Recorded, reply: Reply) -> None:
        reply.begin("application/vnd.docker.raw-stream", chunked=False)
        reply.more(frame(1, b"whole") + frame(1, b"half")[:-2])

    fake.on("POST", "/containers/c1/attach", attach)
    with engine.containers.attach("c1") as output:
        assert [next(output), next(output)] == [(1, b"whole"), (1, b"ha")]
        with pytest.raises(StreamError, match="cut off, 2 bytes short"):
            next(output)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"", "without an exit code: ''"),
        (b'{"Error":null}', "without an exit code"),
        (b"[]", "without an exit code"),
        (b"\nupstream request timeout", "without an exit code: 'upstream request timeout'"),
        (b'{"StatusCode":0}\nproxy: gone', "proxy: gone"),
    ],
)
def test_a_wait_that_ends_without_a_status_shows_what_came(
    fake: FakeEngine, engine: Engine, body: bytes, complaint: str
) -> None:
    fake.on("POST", "/containers/c1/wait", lambda _request, reply: reply.send(200, body))
    with engine.containers.wait("c1") as waiter, pytest.raises(StreamError, match=complaint):
        waiter.result()


def test_a_wait_tells_the_daemon_s_own_failure(fake: FakeEngine, engine: Engine) -> None:
    answer = {"StatusCode": 125, "Error": {"Message": "container gone"}}
    fake.on("POST", "/containers/c1/wait", lambda _request, reply: reply.json(answer))
    with engine.containers.wait("c1") as waiter:
        status = waiter.result()
    assert (status.code, status.error) == (125, "container gone")


def test_waiting_for_the_removal_of_what_is_gone_already_is_told(engine: Engine) -> None:
    with pytest.raises(NotFound):
        engine.containers.wait("gone", condition="removed")


def test_a_pull_that_fails_under_way_is_raised(fake: FakeEngine, engine: Engine) -> None:
    def pull(_request: Recorded, reply: Reply) -> None:
        reply.begin("application/json")
        reply.more(b'{"status":"Pulling"}\r\n{"errorDetail":{"message":"manifest\\nunknown"},"error":"x"}\r\n')
        reply.end()

    fake.on("POST", "/images/create", pull)
    steps = engine.images.pull("nothing:1")
    assert next(steps) == Progress("Pulling")
    with pytest.raises(StreamError, match=r"^manifest unknown$"):
        next(steps)
    with pytest.raises(ProtocolError, match="closed before"):
        next(steps)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            {"status": "Downloading", "id": "a", "progressDetail": {"current": 1, "total": 2}},
            Progress("Downloading", "a", 1, 2),
        ),
        ({"status": "Extracting", "progressDetail": {"current": 1, "units": "s"}}, Progress("Extracting", "", 1)),
        ({"stream": "Loaded image: x\n"}, Progress("Loaded image: x")),
        ({"status": "x", "progressDetail": None}, Progress("x")),
        ({"aux": {"ID": "sha256:0"}}, Progress("", result={"ID": "sha256:0"})),
    ],
)
def test_progress_is_what_a_daemon_reports(value: dict[str, Any], expected: Progress) -> None:
    assert progress(value) == expected


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"errorDetail": {"message": "new"}}, "new"),
        ({"error": "old"}, "old"),
        ({"errorDetail": {"code": 1}, "error": "old"}, "old"),
        ({"errorDetail": {}}, "the daemon reports an error"),
    ],
)
def test_a_failure_within_progress_is_raised(value: dict[str, Any], message: str) -> None:
    with pytest.raises(StreamError, match=f"^{message}$"):
        progress(value)


def test_events_come_as_they_happen(fake: FakeEngine, engine: Engine) -> None:
    fake.images["x"] = {"Id": "sha256:1"}
    with engine.system.events() as events:
        identity = engine.containers.create({"Image": "x"}).id
        assert next(events) == {"Type": "container", "Action": "create", "Actor": {"ID": identity}}


def test_no_volumes_is_an_empty_list(engine: Engine) -> None:
    assert engine.volumes.list() == []


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"5", b"{}", b'{"Id":null}', b'{"Id":5}', b'{"Id":" "}'])
def test_a_container_without_an_id_is_the_daemons_fault(fake: FakeEngine, engine: Engine, body: bytes) -> None:
    fake.on("POST", "/containers/create", lambda _request, reply: reply.send(201, body, "application/json"))
    with pytest.raises(ProtocolError, match="answered POST /containers/create"):
        engine.containers.create({"Image": "busybox"})


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"5"])
def test_an_answer_of_another_kind_is_the_daemons_fault(fake: FakeEngine, engine: Engine, body: bytes) -> None:
    fake.on("GET", "/containers/c1/json", lambda _request, reply: reply.send(200, body, "application/json"))
    with pytest.raises(ProtocolError, match="a JSON object was expected"):
        engine.containers.inspect("c1")


def test_a_list_has_to_be_one(fake: FakeEngine, engine: Engine) -> None:
    fake.on("GET", "/containers/json", lambda _request, reply: reply.json({"a": 1}))
    with pytest.raises(ProtocolError, match="a list in JSON was expected"):
        engine.containers.list()


def test_an_exit_code_that_is_no_number_is_the_daemons_fault(fake: FakeEngine, engine: Engine) -> None:
    fake.on("POST", "/containers/c1/wait", lambda _request, reply: reply.send(200, b'{"StatusCode":1e999}'))
    with engine.containers.wait("c1") as waiter, pytest.raises(StreamError, match="without an exit code"):
        waiter.result()
