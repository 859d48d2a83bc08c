"""Images on their way: with credentials, as archives, and from one daemon to another."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.descriptors import descriptors
from tests.engine.conftest import Wire
from tests.engine.test_contract import MEGABYTE, eventually, peak_memory
from tests.fake_engine import FakeEngine, Recorded, Reply
from weave_http.engine import Credentials, Engine, connect, copy_image
from weave_http.engine.errors import InvalidReference, NotFound, ProtocolError, StreamError

ME = Credentials("registry.example", "me", "x")


@pytest.fixture
def fake(socket_path: Path) -> Iterator[FakeEngine]:
    with FakeEngine(socket_path) as fake:
        yield fake


@pytest.fixture
def engine(fake: FakeEngine) -> Iterator[Engine]:
    with connect(fake.endpoint, credentials={"registry.example": ME}.get) as engine:
        yield engine


def told(request: Recorded, header: str = "x-registry-auth") -> object:
    return json.loads(base64.urlsafe_b64decode(request.headers[header]))


def test_a_pull_takes_the_credentials_of_its_registry_along(fake: FakeEngine, engine: Engine) -> None:
    fake.pullable |= {"registry.example/x:1", "busybox:latest"}
    list(engine.images.pull("registry.example/x:1"))
    assert told(fake.requests[-1]) == ME.document
    list(engine.images.pull("busybox"))
    assert "x-registry-auth" not in fake.requests[-1].headers


def test_a_push_tells_what_came_of_it(fake: FakeEngine, engine: Engine) -> None:
    fake.images["registry.example/a/x:1"] = {"Id": "sha256:1"}
    steps = list(engine.images.push("registry.example/a/x:1"))
    assert fake.requests[-1].call == "POST /images/registry.example/a/x/push"
    assert fake.requests[-1].query == {"tag": "1"}
    assert told(fake.requests[-1]) == ME.document
    assert [(step.text, step.id, step.result) for step in steps] == [
        ("Pushed", "aaaa", {}),
        ("", "", {"Tag": "1", "Digest": "sha256:dd", "Size": 5}),
    ]


def test_a_push_without_credentials_is_refused_by_the_registry_not_by_the_daemon(
    fake: FakeEngine, engine: Engine
) -> None:
    fake.images["busybox:latest"] = {"Id": "sha256:1"}
    with engine.images.push("busybox") as steps:
        assert next(steps).text == "Preparing"
        with pytest.raises(StreamError, match=r"^denied: who are you\?$"):
            list(steps)
    with pytest.raises(NotFound, match="does not exist locally"):
        engine.images.push("missing")
    with pytest.raises(InvalidReference, match="it is a digest"):
        engine.images.push("busybox@sha256:" + "0" * 64)


def test_an_image_is_built(fake: FakeEngine, engine: Engine) -> None:
    steps = list(
        engine.images.build(
            [b"tar ", b"archive"],
            tags=["me/x:1"],
            dockerfile="docker/File",
            arguments={"A": "b"},
            labels={"l": "1"},
            target="last",
            platform="linux/arm64",
            cache=False,
            pull=True,
            registries=["registry.example", "unknown.example"],
        )
    )
    request = fake.requests[-1]
    assert request.query == {
        "t": "me/x:1",
        "dockerfile": "docker/File",
        "rm": "1",
        "forcerm": "1",
        "buildargs": '{"A": "b"}',
        "labels": '{"l": "1"}',
        "target": "last",
        "platform": "linux/arm64",
        "nocache": "1",
        "pull": "1",
    }
    assert (request.headers["content-type"], request.body) == ("application/x-tar", b"tar archive")
    assert told(request, "x-registry-config") == {"registry.example": ME.document}
    assert [step.result["ID"] for step in steps if step.result] == [fake.images["me/x:1"]["Id"]]
    list(engine.images.build([b"x"]))
    assert fake.requests[-1].query == {"dockerfile": "Dockerfile", "rm": "1", "forcerm": "1"}


def test_a_build_that_fails_raises_what_the_daemon_says(engine: Engine) -> None:
    with engine.images.build([b"RUN false"]) as steps:
        assert next(steps).text == "Step 1/1 : FROM scratch"
        with pytest.raises(StreamError, match="The command 'false' returned: 1"):
            list(steps)


def test_a_root_file_system_becomes_an_image(fake: FakeEngine, engine: Engine) -> None:
    steps = list(engine.images.import_root([b"tar"], "me/x", changes=['CMD ["sh"]', "ENV A=b"], message="mine"))
    assert steps[-1].text == fake.images["me/x:latest"]["Id"]
    assert fake.requests[-1].target.endswith(
        "?fromSrc=-&repo=me%2Fx&tag=latest&changes=CMD+%5B%22sh%22%5D&changes=ENV+A%3Db&message=mine"
    )


def test_an_archive_holds_the_images_that_were_asked_for(fake: FakeEngine, engine: Engine) -> None:
    fake.images |= {"a:1": {"Id": "sha256:1"}, "b:2": {"Id": "sha256:2"}}
    with engine.images.save(["a:1", "b:2"]) as archive:
        assert b"".join(archive) == b"manifest.json a:1 b:2"
    with pytest.raises(NotFound, match="c:3"):
        engine.images.save(["c:3"])
    for nothing in ([], [""], ["a:1", " "]):
        with pytest.raises(InvalidReference):
            engine.images.save(nothing)


# -- from one daemon to another ------------------------------------------------------------------------------


def test_an_image_is_copied_without_a_file_and_without_memory(wire: Wire, tmp_path: Path) -> None:
    piece = os.urandom(MEGABYTE)
    wire.fake.images["me/x:1"] = {"Id": "sha256:1"}
    wire.fake.archive = (piece for _ in range(40))
    counts: list[int] = []
    with FakeEngine(tmp_path / "t.sock") as other, connect(other.endpoint) as target, wire.engine() as source:

        def work() -> None:
            steps = copy_image(source, target, "me/x:1", on_bytes=counts.append)
            assert steps[-1].text == "Loaded image: loaded:latest"

        assert peak_memory(work) < 16 * MEGABYTE
        received = other.requests[-1]
        head = b"manifest.json me/x:1"
        digest = hashlib.sha256(head)
        for _ in range(40):
            digest.update(piece)
        assert received.sha256 == digest.hexdigest()
        assert counts == sorted(counts)
        assert counts[-1] == received.size == len(head) + 40 * MEGABYTE


def test_an_image_that_the_source_lacks_leaves_the_target_alone(wire: Wire, tmp_path: Path) -> None:
    with FakeEngine(tmp_path / "t.sock") as other, connect(other.endpoint) as target, wire.engine() as source:
        with pytest.raises(NotFound, match="reference does not exist: me/x:1"):
            copy_image(source, target, "me/x:1")
        assert other.requests == []


def test_a_source_that_breaks_off_is_named_and_the_target_takes_nothing(wire: Wire, tmp_path: Path) -> None:
    def cut(_request: Recorded, reply: Reply) -> None:
        reply.begin("application/x-tar")
        reply.more(b"manifest.json")
        reply.close()

    wire.fake.on("GET", "/images/get", cut)
    before = descriptors()
    with FakeEngine(tmp_path / "t.sock") as other:
        with connect(other.endpoint) as target, wire.engine() as source:
            with pytest.raises(ProtocolError) as raised:
                copy_image(source, target, "me/x:1")
            assert wire.endpoint.url in str(raised.value)
        del raised
        assert eventually(lambda: not any(request.whole for request in other.requests[1:]))
        assert other.images == {}
    assert eventually(lambda: descriptors() <= before)


def test_a_target_that_does_not_take_it_says_so(wire: Wire, tmp_path: Path) -> None:
    wire.fake.images["me/x:1"] = {"Id": "sha256:1"}
    with FakeEngine(tmp_path / "t.sock") as other, connect(other.endpoint) as target, wire.engine() as source:
        other.on("POST", "/images/load", lambda _request, reply: reply.error(500, "no space left on device"))
        with pytest.raises(Exception, match="no space left on device"):
            copy_image(source, target, "me/x:1")
