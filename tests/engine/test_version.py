"""Which API version is spoken."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fake_engine import FakeEngine, Recorded, Reply
from weave_http.engine import Engine, connect
from weave_http.engine.errors import APIError, VersionError
from weave_http.engine.version import NEWEST, negotiated_version, parse_version, pinned_version, version_text
from weave_http.engine.wire.pool import WireTransport


@pytest.mark.parametrize(
    ("offered", "spoken"),
    [("1.40", "1.40"), ("1.41", "1.41"), ("1.51", "1.51"), ("1.55", "1.55"), ("1.56", "1.55"), ("1.100", "1.55")],
)
def test_the_newest_that_both_sides_know_is_spoken(offered: str, spoken: str) -> None:
    assert version_text(negotiated_version(offered, "it")) == spoken


def test_a_daemon_that_is_too_old_is_refused_with_both_ranges() -> None:
    with pytest.raises(VersionError) as raised:
        negotiated_version("1.39", "tcp://old:2375 (DOCKER_HOST)")
    assert str(raised.value) == (
        "tcp://old:2375 (DOCKER_HOST) speaks the Docker API up to 1.39, and weave 1.40 to 1.55; "
        "it takes Docker 19.03 or later"
    )


@pytest.mark.parametrize("text", ["1.39", "1.56", "2.0"])
def test_a_pin_outside_of_what_weave_speaks_is_refused(text: str) -> None:
    with pytest.raises(VersionError, match=rf"DOCKER_API_VERSION asks for {text}, and weave speaks 1\.40 to 1\.55"):
        pinned_version(text)


@pytest.mark.parametrize("text", ["", "1", "1.", ".41", "1.x", "1.4.1", "-1.41", "1.٤", "1.99999"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(VersionError, match="is no API version"):
        parse_version(text)


def test_versions_are_compared_by_number() -> None:
    assert parse_version("v1.100") > NEWEST > parse_version("1.9")


# -- on the wire -------------------------------------------------------------------------------------------


def engine(fake: FakeEngine, pin: str = "") -> Engine:
    return Engine(WireTransport(fake.endpoint), where=str(fake.endpoint), api_version=pin)


def test_a_pin_saves_the_ping(socket_path: Path) -> None:
    with FakeEngine(socket_path, api_version="1.45") as fake, engine(fake, "1.42") as client:
        client.system.info()
        assert fake.calls() == ["GET /info"]
        assert fake.requests[0].version == "v1.42"


def test_the_environment_s_pin_reaches_the_wire(socket_path: Path) -> None:
    from weave_http.engine import resolve_endpoint

    environ = {"DOCKER_HOST": f"unix://{socket_path}", "DOCKER_API_VERSION": "1.40", "HOME": "/nowhere"}
    with FakeEngine(socket_path) as fake, connect(resolve_endpoint(environ)) as client:
        client.system.info()
        assert fake.requests[0].target == "/v1.40/info"


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_daemon_that_knows_no_head_is_pinged_by_get(socket_path: Path, status: int) -> None:
    with FakeEngine(socket_path) as fake, engine(fake) as client:
        fake.on("HEAD", "/_ping", lambda _request, reply: reply.send(status))
        assert client.api_version == (1, 41)
        assert fake.calls() == ["HEAD /_ping", "GET /_ping"]


def test_a_proxy_that_refuses_the_ping_is_told_by_its_words(socket_path: Path) -> None:
    def refuse(_request: Recorded, reply: Reply) -> None:
        reply.send(407, b"<html><title>Login required</title></html>", "text/html")

    with FakeEngine(socket_path) as fake, engine(fake) as client:
        fake.on("HEAD", "/_ping", refuse)
        fake.on("GET", "/_ping", refuse)
        with pytest.raises(APIError, match="a proxy or web server answered: Login required"):
            client.system.info()


def test_what_answers_without_a_version_is_no_daemon(socket_path: Path) -> None:
    def welcome(_request: Recorded, reply: Reply) -> None:
        reply.send(200, b"It works!", Server="Apache/2.4")

    with FakeEngine(socket_path) as fake, engine(fake) as client:
        fake.on("HEAD", "/_ping", welcome)
        fake.on("GET", "/_ping", welcome)
        with pytest.raises(VersionError, match=r"not as a Docker daemon does.*calls itself Apache/2\.4"):
            client.system.info()


def test_a_daemon_that_finds_us_too_old_is_quoted_with_both_ranges(socket_path: Path) -> None:
    words = b"client version 1.42 is too old. Minimum supported API version is 1.44, please upgrade your client"
    with FakeEngine(socket_path, api_version="1.52") as fake, engine(fake, "1.42") as client:
        fake.on("GET", "/info", lambda _request, reply: reply.send(400, words + b"\n"))
        with pytest.raises(VersionError) as raised:
            client.system.info()
    assert str(raised.value) == f"{fake.endpoint} says: {words.decode()}; weave speaks 1.40 to 1.55"


def test_a_ping_tells_what_the_daemon_says_of_itself(socket_path: Path) -> None:
    with FakeEngine(socket_path) as fake, engine(fake) as client:
        ping = client.system.ping()
    assert (ping.api_version, ping.os_type, ping.server) == ("1.41", "linux", "Fake/1.0 (linux)")
