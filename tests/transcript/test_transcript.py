"""What is shown is what is sent."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import fake_resident
from tests.fake_engine import FakeEngine, Run
from tests.transcript.commands import COMMANDS
from weave_http import constants
from weave_http.addresses import parse_cidr
from weave_http.commands import Caller, run_container
from weave_http.engine import Request, connect
from weave_http.engine.version import NEWEST, version_text
from weave_http.engine.wire.contract import Response, Transport
from weave_http.run_args import CreateRequest
from weave_http.transcript import AnswerPrinter, Exchange, Printer, StandIn, Watch
from weave_http.transcript.canned import Canned
from weave_http.transcript.standin import DEFAULT_MARKS
from weave_http.transcript.watch import ShortAnswer

CIDR = parse_cidr("10.2.1.1/24")


def said(exchanges: list[Exchange]) -> list[tuple[object, ...]]:
    """What requests say, with versions and the ids of created containers taken out."""
    text: list[tuple[object, ...]] = []
    ids: dict[str, str] = {}
    for exchange in exchanges:
        request = exchange.request
        body = request.body if isinstance(request.body, bytes) else None
        parts = request.path.split("/")
        if len(parts) > 3 and len(parts[3]) == 64:
            ids.setdefault(parts[3], f"<{len(ids) + 1}>")
        path, sent = request.path.partition("/v1.")[2].partition("/")[2] or request.path, (body or b"").decode()
        for identity, shown in ids.items():
            path, sent = path.replace(identity, shown), sent.replace(identity, shown)
        text.append((request.method, path, request.query, request.headers, sent))
    return text


@pytest.mark.parametrize("cold", [True, False], ids=["cold", "warm"])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_dry_run_shows_what_a_real_one_sends(name: str, cold: bool, tmp_path: Path) -> None:
    shown: list[Exchange] = []
    sent: list[Exchange] = []
    with FakeEngine(tmp_path / "d.sock", api_version=version_text(NEWEST)) as fake:
        fake.images |= {
            "busybox": DEFAULT_MARKS.image(1),
            constants.DEFAULT_IMAGE: DEFAULT_MARKS.image(2),
        }  # in the order they are asked for
        fake.pullable.add(constants.DEFAULT_IMAGE)
        fake_resident.add(fake)
        with connect(fake.endpoint, watch=lambda inner: Watch(inner, sent.append)) as engine:
            COMMANDS[name](Caller(engine, io.BytesIO(), io.BytesIO(), cold=cold))
    stand_in = StandIn(version_text(NEWEST))
    with connect(fake.endpoint, watch=lambda inner: Watch(stand_in, shown.append)) as engine:
        COMMANDS[name](Caller(engine, io.BytesIO(), io.BytesIO(), cold=cold))
    assert said(shown) == said(sent)
    assert shown


def test_waits_sent_together_are_shown_one_by_one(tmp_path: Path) -> None:
    shown: list[Exchange] = []
    with FakeEngine(tmp_path / "d.sock") as fake:
        fake.on("POST", "/containers/c./wait", lambda request, reply: reply.json({"StatusCode": int(request.path[13])}))
        with (
            connect(fake.endpoint, watch=lambda inner: Watch(inner, shown.append)) as engine,
            engine.containers.wait_all(["c4", "c2"]) as waits,
        ):
            assert [status.code for status in waits.results()] == [4, 2]
    assert [(each.request.call, each.status) for each in shown[1:]] == [
        ("POST /containers/c4/wait", 200),
        ("POST /containers/c2/wait", 200),
    ]


def test_a_dry_run_of_a_container_in_the_foreground_shows_what_is_sent(tmp_path: Path) -> None:
    shown: list[Exchange] = []
    sent: list[Exchange] = []
    request = CreateRequest({"Image": "busybox", "OpenStdin": True, "Tty": True}, "c1", detach_keys="ctrl-x,x")
    with FakeEngine(tmp_path / "d.sock", api_version=version_text(NEWEST)) as fake:
        fake.images |= {"busybox": DEFAULT_MARKS.image(1), constants.DEFAULT_IMAGE: DEFAULT_MARKS.image(2)}
        fake.program = lambda config: Run([(1, b"hello\r\n")] if config["Image"] == "busybox" else [])
        with connect(fake.endpoint, watch=lambda inner: Watch(inner, sent.append)) as engine:
            out = io.BytesIO()
            assert run_container(Caller(engine, out, cold=True), [CIDR], request, foreground=True).ok
            assert out.getvalue() == b"hello\r\n"
    stand_in = StandIn(version_text(NEWEST))
    with connect(fake.endpoint, watch=lambda inner: Watch(stand_in, shown.append)) as engine:
        run_container(Caller(engine, cold=True), [CIDR], request, foreground=True)
    assert said(shown) == said(sent)
    assert ("stdin", "1") in next(each.request.query for each in shown if each.request.path.endswith("/attach"))


def test_a_line_is_method_path_status_and_milliseconds() -> None:
    lines: list[str] = []
    identity = "0123456789ab" + "c" * 52
    Printer(lines.append)(Exchange(Request("POST", f"/v1.41/containers/{identity}/start"), 204, 0.0123))
    assert [line.split() for line in lines] == [["POST", "/v1.41/containers/0123456789ab/start", "204", "12.3", "ms"]]


def test_a_call_that_got_no_answer_shows_why() -> None:
    lines: list[str] = []
    Printer(lines.append)(Exchange(Request("GET", "/_ping"), None, 0.1, failure="connection refused"))
    assert lines == ["GET    /_ping  failed: connection refused"]


@pytest.mark.parametrize("read", [lambda response: response.read(), lambda response: list(response.chunks())])
def test_short_answers_are_shown_when_they_were_read(read: Callable[[Response], object], tmp_path: Path) -> None:
    heard: list[ShortAnswer] = []
    identity = "0123456789ab" + "c" * 52
    answers = {
        "/v1.41/id": json.dumps({"Id": identity, "Env": ["DB_TOKEN=hunter2"]}),
        "/v1.41/long": json.dumps(["x" * 600]),
        "/v1.41/many": '{"status": "one"}\r\n{"status": "two"}\r\n',
    }

    class Inner(Transport):
        def send(self, request: Request) -> Response:
            return Canned(200, answers[request.path].encode())

        def close(self) -> None:
            pass

    watch = Watch(Inner(), lambda _: None, heard.append)
    for path in answers:
        response = watch.send(Request("GET", path))
        assert heard == [] or path != "/v1.41/id"
        read(response)
    assert [answer.request.path for answer in heard] == ["/v1.41/id"]
    lines: list[str] = []
    for full, secrets in ((False, False), (True, True)):
        AnswerPrinter(lines.append, full=full, secrets=secrets)(heard[0])
    assert lines == [
        '       answer to GET …/id: {"Id": "0123456789ab", "Env": ["DB_TOKEN=********"]}',
        f'# answer to GET …/id: {{"Id": "{identity}", "Env": ["DB_TOKEN=hunter2"]}}',
    ]


def body(document: object) -> Request:
    return Request("POST", "/v1.41/containers/create", body=json.dumps(document).encode())


@pytest.mark.parametrize("secret", ["WEAVE_PASSWORD=hunter2", "DB_TOKEN=hunter2", "my_secret=hunter2"])
def test_secrets_are_masked_unless_asked_for(secret: str) -> None:
    exchange = Exchange(body({"Env": [secret, "A=plain"], "Password": "hunter2"}), 201, 0.0)
    masked: list[str] = []
    Printer(masked.append, bodies=True)(exchange)
    assert "hunter2" not in "\n".join(masked)
    assert "A=plain" in "\n".join(masked)
    shown: list[str] = []
    Printer(shown.append, bodies=True, secrets=True)(exchange)
    assert "\n".join(shown).count("hunter2") == 2


def test_a_body_that_is_no_json_is_only_measured() -> None:
    lines: list[str] = []
    Printer(lines.append, bodies=True)(Exchange(Request("POST", "/x", body=b"\x00\x01"), 200, 0.0))
    Printer(lines.append, bodies=True)(Exchange(Request("POST", "/x", body=iter([b"a"])), 200, 0.0))
    assert [line.strip() for line in lines[1::2]] == ["(2 bytes)", "(a stream)"]
