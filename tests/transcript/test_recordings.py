"""Exchanges recorded from real engines, replayed on a real socket: the commands still make the same of them."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.fake_server import FakeServer, Recorded, Reply
from tests.fake_engine import frame as framed
from tests.prefork import run_weave
from weave_http.engine.wire.contract import Request
from weave_http.operations.frames import Decoder, Frame, encode
from weave_http.transcript.recorder import Kept, Normalizer, Recorder
from weave_http.transcript.standin import StandIn

FIXTURES = Path(__file__).parents[2] / "fixtures"
ENGINES = ("docker-20.10.24", "docker-26.1.5", "docker-28.5.2", "podman-5.4.2")
"""What the sandbox can run. The releases of Debian that are not out yet may move on: then `make fixtures` says so."""
RECORDED = sorted(path for engine in ENGINES for path in FIXTURES.glob(f"{engine}/*.json"))


class Replay(FakeServer):
    """A daemon that answers as one did before, and complains of every call that was not made then.

    Args:
        path: its socket.
        exchanges: what was recorded.
    """

    def __init__(self, path: Path, exchanges: list[dict[str, Any]]) -> None:
        super().__init__(path, None, None)
        self.left = list(exchanges)
        self.strange: list[str] = []
        for method in ("HEAD", "GET", "POST", "DELETE"):
            self.on(method, r".*", self._answer)

    def _answer(self, request: Recorded, reply: Reply) -> None:
        for exchange in self.left:
            asked = exchange["request"]
            if (asked["method"], asked["path"], asked["query"]) == (request.method, request.path, request.query):
                break
        else:
            self.strange.append(request.call)
            reply.error(500, f"nobody asked {request.call} when this was recorded")
            return
        self.left.remove(exchange)
        answer = exchange["answer"]
        content_type = answer["headers"].get("content-type", "text/plain")
        body = answer["body"].encode("latin-1")
        if "frames" in exchange:
            self._converse(reply, exchange["frames"])
        elif request.path.endswith("/attach"):
            reply.begin(content_type, chunked=False)
            reply.raw(body)
        elif "api-version" in answer["headers"]:
            reply.send(answer["status"], body, content_type, Api_Version=answer["headers"]["api-version"])
        else:
            reply.send(answer["status"], body, content_type)

    def _converse(self, reply: Reply, frames: list[tuple[str, Frame]]) -> None:
        """Play the resident executor: each frame that was written is awaited, and what came then is said."""
        reply.switch("application/vnd.docker.multiplexed-stream")
        decoder = Decoder()
        waiting: list[Frame] = []
        identity = ""
        for way, frame in frames:
            if way == "<":
                reply.more(framed(1, encode({"id": identity, **frame})))
                continue
            while not waiting:
                waiting += decoder.feed(reply.receive(self.closing))
            said = waiting.pop(0)
            identity = said.pop("id")
            if said != frame:
                self.strange.append(f"{said} in place of {frame}")


@pytest.fixture
def socket() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="wr-") as folder:
        yield Path(folder) / "docker.sock"


def test_every_engine_has_the_same_set_of_recordings() -> None:
    sets = {engine: sorted(path.name for path in FIXTURES.glob(f"{engine}/*.json")) for engine in ENGINES}
    assert sum(name.startswith("warm-") for name in sets["docker-20.10.24"]) >= 4
    assert all(names == sets["docker-20.10.24"] for names in sets.values()), sets


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_recording_replayed_gives_the_same_output_and_exit_code(path: Path, socket: Path) -> None:
    recording = json.loads(path.read_text())
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("DOCKER_", "WEAVE_"))}
    cold = [] if path.stem.startswith("warm-") else ["--cold"]
    with Replay(socket, recording["exchanges"]) as replay:
        words = [*cold, *recording["command"].split()]
        done = run_weave(words, {**clean, "DOCKER_HOST": f"unix://{socket}"}, timeout=60)
        assert (replay.strange, replay.left) == ([], [])
    assert (done.stdout.decode(), done.stderr.decode()) == (recording["stdout"], recording["stderr"])
    assert done.returncode == recording["exit_code"]


def test_a_recording_holds_no_secret() -> None:
    for path in RECORDED:
        assert 'DB_TOKEN=x"' not in path.read_text()


def test_the_same_id_is_replaced_by_the_same_text_of_the_same_length() -> None:
    normal = Normalizer({"172.16.0.9": "192.0.2.10"})
    first, second = "a1" * 32, "b2" * 32
    text = normal.text(f"{first} {second[:12]} {first[:12]} {second} 0a:1b:2c:3d:4e:5f 172.16.0.9")
    one, two, one_short, two_short, mac, address = (
        (word := text.split())[0],
        word[3],
        word[2],
        word[1],
        word[4],
        word[5],
    )
    assert (one[:12], two[:12]) == (one_short, two_short)
    assert one != two
    assert (len(one), len(mac), address) == (64, 17, "192.0.2.10")
    assert normal.text(text) == text
    assert normal.text("read udp [::1]:56892->[::1]:53") == "read udp [::1]:40000->[::1]:53"


@pytest.mark.parametrize("length", [13, 0x30, 0x37, 0x61])
def test_an_id_at_the_beginning_of_a_frame_is_replaced_whatever_the_frames_length(length: int) -> None:
    header = f"\x01\0\0\0\0\0\0{chr(length)}"
    document = {"body": f"{header}bdff49bfeff9 up\n{header}bdff49bfeff9 up\n", "code": 0}
    shown = f"{header}000000000001 up\n"
    assert Normalizer({}).document(document) == {"body": shown * 2, "code": 0}


def test_a_recorder_keeps_what_is_read() -> None:
    recorder = Recorder(StandIn("1.41"))
    with recorder.send(Request("POST", "/v1.41/containers/x/wait", (("condition", "next-exit"),))) as response:
        assert response.read() == b'{"StatusCode": 0}'
    (exchange,) = recorder.exchanges
    assert exchange.document() == {
        "request": {"method": "POST", "path": "/containers/x/wait", "query": {"condition": "next-exit"}, "body": None},
        "answer": {
            "status": 200,
            "headers": {"content-type": "application/json"},
            "body": '{"StatusCode": 0}',
        },
    }


def test_a_recorder_masks_what_it_heard() -> None:
    request = Request("GET", "/containers/x/json")
    body = b'{"Config": {"Env": ["A=1", "URL=http://u:hunter2@h"]}}'
    heard = Kept(request, 200, {}, bytearray(body)).document()["answer"]["body"]
    assert json.loads(heard) == {"Config": {"Env": ["A=1", "URL=http://u:********@h"]}}
    for other in (b'{"a": [1,  2]}', b"no JSON, password=x", b"\xff\x00"):
        assert Kept(request, 200, {}, bytearray(other)).document()["answer"]["body"] == other.decode("latin-1")
