"""Docker 29 (API 1.52 to 1.55), as its API description says that it answers: no Debian release has it yet.

What differs: a container's addresses are told per network only; events say what happened in `Action` and `Actor` and
nowhere else; streams of progress report failures in `errorDetail` alone; the first releases refuse clients below 1.44;
the firewall may be nftables, with no chain for users in it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_engine import FakeEngine, Recorded, Reply, Run
from tests.transcript.commands import COMMANDS
from weave_http import constants
from weave_http.commands import Caller
from weave_http.engine import Engine, connect
from weave_http.engine.errors import StreamError, VersionError
from weave_http.engine.wire.pool import WireTransport

VERSIONS = ("1.52", "1.53", "1.54", "1.55")


@pytest.fixture(params=VERSIONS)
def fake(request: pytest.FixtureRequest, socket_path: Path) -> Iterator[FakeEngine]:
    with FakeEngine(socket_path, api_version=request.param, min_api_version="1.44") as engine:
        engine.images |= {constants.DEFAULT_IMAGE: {"Id": "sha256:1"}, "busybox": {"Id": "sha256:2"}}
        engine.pullable.add(constants.DEFAULT_IMAGE)
        yield engine


def test_it_is_spoken_to_in_its_own_version(fake: FakeEngine) -> None:
    with connect(fake.endpoint) as engine:
        assert engine.system.info()["FirewallBackend"] == {"Driver": "nftables"}
        assert engine.system.version()["MinAPIVersion"] == "1.44"
    assert {request.version for request in fake.requests[1:]} == {f"v{fake.api_version}"}


def test_a_release_that_is_newer_still_is_spoken_to_in_the_newest_version_we_know(socket_path: Path) -> None:
    with FakeEngine(socket_path, api_version="1.60", min_api_version="1.44") as fake, connect(fake.endpoint) as engine:
        engine.system.info()
        assert fake.requests[-1].version == "v1.55"


def test_a_version_below_its_floor_is_refused_in_a_sentence_with_both_ranges(fake: FakeEngine) -> None:
    with (
        Engine(WireTransport(fake.endpoint), where="there", api_version="1.41") as engine,
        pytest.raises(VersionError) as raised,
    ):
        engine.system.info()
    assert "client version 1.41 is too old. Minimum supported API version is 1.44" in str(raised.value)
    assert "weave speaks 1.40 to 1.55" in str(raised.value)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_works(fake: FakeEngine, name: str) -> None:
    fake.program = lambda config: Run([(1, b"done\n")] if config["Image"] == constants.DEFAULT_IMAGE else [])
    out, err = io.BytesIO(), io.BytesIO()
    with connect(fake.endpoint) as engine:
        assert COMMANDS[name](Caller(engine, out, err)) == 0
    assert out.getvalue()
    assert err.getvalue() == b""
    kept = [each for each in fake.containers.values() if not each.name.startswith(constants.WAITER_VOLUMES)]
    assert len(kept) == (name == "run")


def test_addresses_are_those_of_networks(fake: FakeEngine) -> None:
    with connect(fake.endpoint) as engine:
        created = engine.containers.create({"Image": "busybox", "MacAddress": "02:42:ac:11:00:02"})
        settings = engine.containers.inspect(created.id)["NetworkSettings"]
    assert settings == {"Networks": {"bridge": {"IPAddress": "172.17.0.2"}}}
    sent = json.loads(next(request.body for request in fake.requests if request.path == "/containers/create"))
    assert "MacAddress" not in sent
    assert sent["NetworkingConfig"]["EndpointsConfig"] == {"default": {"MacAddress": "02:42:ac:11:00:02"}}
    assert created.warnings == ()


def test_fields_that_are_gone_are_left_out_with_a_warning(fake: FakeEngine) -> None:
    with connect(fake.endpoint) as engine:
        created = engine.containers.create({"Image": "busybox", "HostConfig": {"KernelMemory": 1 << 26}})
    (warning,) = created.warnings
    assert "HostConfig.KernelMemory is gone since API 1.42" in warning
    assert warning.endswith(f"speaks {fake.api_version}: left out")


def test_the_life_of_a_container(fake: FakeEngine) -> None:
    fake.program = lambda _config: Run([(2, b"why\n")], code=3)
    with connect(fake.endpoint) as engine:
        created = engine.containers.create({"Image": "busybox"})
        with (
            engine.containers.attach(created.id) as output,
            engine.containers.wait(created.id, condition="next-exit") as waiter,
        ):
            engine.containers.start(created.id)
            assert list(output) == [(2, b"why\n")]
            assert waiter.result().code == 3


def test_failures_in_streams_have_a_detail_only(fake: FakeEngine) -> None:
    def fails(_request: Recorded, reply: Reply) -> None:
        reply.begin("application/json")
        reply.more(b'{"progressDetail":{"current":1,"total":2},"id":"aaaa"}\r\n')
        reply.more(b'{"errorDetail":{"code":1,"message":"no space left"}}\r\n')
        reply.end()

    for method, path in (("POST", "/images/create"), ("POST", "/images/load")):
        fake.on(method, path, fails)
    with connect(fake.endpoint) as engine:
        for stream in (engine.images.pull("busybox"), engine.images.load([b"x"])):
            with stream, pytest.raises(StreamError, match="no space left"):
                list(stream)


def test_events_say_what_happened_in_one_place_only(fake: FakeEngine) -> None:
    with connect(fake.endpoint) as engine, engine.system.events({"type": ["container"]}) as events:
        identity = engine.containers.create({"Image": "busybox"}).id
        event = next(events)
        assert (event["Action"], event["Actor"]["ID"]) == ("create", identity)
        assert not {"id", "status", "from"} & event.keys()
        fake.drop_connections()
