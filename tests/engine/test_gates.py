"""Fields that a daemon does not know: said, not silently dropped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fake_engine import FakeEngine
from weave_http.engine import connect
from weave_http.engine.errors import VersionError
from weave_http.engine.gates import ANY, GATES, Gate, gate
from weave_http.engine.version import NEWEST, OLDEST
from weave_http.records import replace

WHERE = "unix:///d.sock"
Config = dict[str, Any]


def body(entry: Gate, value: object) -> Config:
    """Return a create request with one field set."""
    inner: object = value
    previous = ""
    for step in reversed(entry.path):
        if step == ANY:
            previous = ANY
            continue
        many = [inner] if step == "Mounts" else {"net": inner}
        inner = {step: many if previous == ANY else inner}
        previous = step
    assert isinstance(inner, dict)
    return inner


def before(version: tuple[int, int]) -> tuple[int, int]:
    return version[0], version[1] - 1


@pytest.mark.parametrize("entry", GATES, ids=lambda entry: entry.words)
def test_every_field_is_left_out_or_refused_where_it_is_unknown_and_only_there(entry: Gate) -> None:
    given = body(entry, entry.value or "x")
    known = before(entry.until) if entry.until else max(entry.since, OLDEST)
    assert gate(given, known, WHERE) == (given, ())
    unknown = entry.until or before(entry.since)
    if entry.refuse:
        with pytest.raises(VersionError) as raised:
            gate(given, unknown, WHERE)
        assert str(raised.value).startswith(f"{entry.words} needs API 1.")
        assert str(raised.value).isprintable()
        return
    adapted, (warning,) = gate(given, unknown, WHERE)
    assert adapted == _without(body(entry, "x"), entry.path[-1])
    assert warning.startswith(entry.words)
    assert warning.endswith(f"and {WHERE} speaks 1.{unknown[1]}: left out")


def _without(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return {name: _without(item, key) for name, item in value.items() if name != key}
    return [_without(item, key) for item in value] if isinstance(value, list) else value


def test_a_warning_says_which_docker_it_takes() -> None:
    _, warnings = gate({"HostConfig": {"Annotations": {"a": "b"}}}, (1, 41), WHERE)
    assert warnings == ("HostConfig.Annotations needs API 1.43 (Docker 24), and unix:///d.sock speaks 1.41: left out",)
    _, warnings = gate({"HostConfig": {"KernelMemory": 5}}, (1, 42), WHERE)
    assert warnings == ("HostConfig.KernelMemory is gone since API 1.42, and unix:///d.sock speaks 1.42: left out",)


@pytest.mark.parametrize("nothing", [None, "", 0, False, [], {}])
def test_what_is_not_set_is_no_matter(nothing: object) -> None:
    config = {"Image": "x", "Healthcheck": nothing, "HostConfig": {"Annotations": nothing, "Mounts": nothing}}
    assert gate(config, OLDEST, WHERE) == (config, ())


def test_the_caller_s_request_stays_as_it_is() -> None:
    config = {"HostConfig": {"Annotations": {"a": "b"}, "Mounts": [{"Type": "bind"}]}, "MacAddress": "02::1"}
    copy = json.loads(json.dumps(config))
    for version in (OLDEST, NEWEST):
        gate(config, version, WHERE)
    assert config == copy


@pytest.mark.parametrize("mode", ["default", "mine"])
def test_a_mac_address_is_where_the_daemon_looks_for_it(mode: str) -> None:
    host = {"NetworkMode": mode} if mode != "default" else {}
    old = {"HostConfig": host, "MacAddress": "02:00:00:00:00:01"}
    new = {
        "HostConfig": host,
        "NetworkingConfig": {"EndpointsConfig": {mode: {"MacAddress": "02:00:00:00:00:01"}}},
    }
    for version in ((1, 41), (1, 43), (1, 51)):
        assert gate(old, version, WHERE) == (old, ())
    for version in ((1, 52), (1, 55)):
        assert gate(old, version, WHERE) == (new, ())
    for version in ((1, 44), (1, 55)):
        assert gate(new, version, WHERE) == (new, ())
    adapted, warnings = gate(new, (1, 43), WHERE)
    assert (adapted["MacAddress"], warnings) == ("02:00:00:00:00:01", ())
    assert adapted["NetworkingConfig"]["EndpointsConfig"] == {mode: {}}


def test_the_mac_address_of_a_second_network_can_t_be_saved() -> None:
    config = {"NetworkingConfig": {"EndpointsConfig": {"second": {"MacAddress": "02::1"}}}}
    _, (warning,) = gate(config, (1, 43), WHERE)
    assert warning.startswith("NetworkingConfig.EndpointsConfig.MacAddress needs API 1.44 (Docker 25)")


def test_several_networks_at_once_take_a_newer_daemon() -> None:
    config: Config = {"NetworkingConfig": {"EndpointsConfig": {"first": {}, "second": {}}}}
    assert gate(config, (1, 44), WHERE) == (config, ())
    with pytest.raises(VersionError, match=r"several networks needs API 1\.44 \(Docker 25\).*speaks 1\.43"):
        gate(config, (1, 43), WHERE)
    one: Config = {"NetworkingConfig": {"EndpointsConfig": {"first": {}}}}
    assert gate(one, (1, 41), WHERE) == (one, ())


KEYS = sorted({step for entry in GATES for step in entry.path} - {ANY})


@given(
    st.dictionaries(
        st.sampled_from(KEYS),
        st.recursive(
            st.none() | st.booleans() | st.text(max_size=3),
            lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
            max_leaves=12,
        ),
    ).filter(lambda config: not isinstance(config.get("NetworkingConfig"), bool | str | list)),
    st.integers(40, 55),
)
def test_adapting_twice_is_adapting_once(config: Config, minor: int) -> None:
    # A network's settings are objects or absent: the daemon refuses anything else.
    networking = config.get("NetworkingConfig")
    if isinstance(networking, dict):
        networking["EndpointsConfig"] = {"net": {"MacAddress": "x"}}
    try:
        adapted, _ = gate(config, (1, minor), WHERE)
    except VersionError:
        return
    assert gate(adapted, (1, minor), WHERE) == (adapted, ())


# -- on the wire -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("api_version", "kept"), [("1.41", False), ("1.43", True), ("1.55", True)])
def test_creating_warns_of_what_was_left_out_and_of_what_the_daemon_says(
    socket_path: Path, api_version: str, kept: bool
) -> None:
    with FakeEngine(socket_path, api_version=api_version) as fake, connect(fake.endpoint) as engine:
        fake.images["x"] = {"Id": "sha256:1"}
        created = engine.containers.create({"Image": "x", "HostConfig": {"Annotations": {"a": "b"}}})
        assert ("Annotations" in fake.requests[-1].json["HostConfig"]) == kept
        assert len(created.warnings) == (not kept)


@pytest.mark.parametrize("minor", range(41, 56))
def test_a_daemon_of_any_version_is_spoken_to_in_its_own(socket_path: Path, minor: int) -> None:
    with FakeEngine(socket_path, api_version=f"1.{minor}") as fake, connect(fake.endpoint) as engine:
        fake.images["x"] = {"Id": "sha256:1"}
        created = engine.containers.create({"Image": "x"}, name="c")
        assert engine.api_version == (1, minor)
        assert {request.version for request in fake.requests[1:]} == {f"v1.{minor}"}
        settings = engine.containers.inspect(created.id)["NetworkSettings"]
        assert ("IPAddress" in settings) == (minor < 52)
        assert settings["Networks"]["bridge"]["IPAddress"] == "172.17.0.2"


@pytest.mark.parametrize(("pin", "says"), [("1.43", "Minimum supported API version is 1.44"), ("1.55", "is too new")])
def test_a_daemon_that_refuses_our_version_is_quoted_with_our_range(socket_path: Path, pin: str, says: str) -> None:
    with FakeEngine(socket_path, api_version="1.52", min_api_version="1.44") as fake:
        pinned = replace(fake.endpoint, api_version=pin)
        with connect(pinned) as engine, pytest.raises(VersionError) as raised:
            engine.system.info()
    assert says in str(raised.value)
    assert "weave speaks 1.40 to 1.55" in str(raised.value)


def test_podman_answers_as_a_docker_of_its_version(socket_path: Path) -> None:
    with FakeEngine(socket_path, podman=True) as fake, connect(fake.endpoint) as engine:
        fake.images["x"] = {"Id": "sha256:1"}
        assert engine.system.ping().server == "Libpod/5.4.2 (linux)"
        with pytest.raises(Exception, match=r"^no such container: y$"):
            engine.containers.inspect("y")
        created = engine.containers.create({"Image": "x", "OpenStdin": True})
        with engine.containers.attach(created.id, stdin=True) as session:
            assert fake.requests[-1].body == b"", "Podman would take it for input"
            engine.containers.start(created.id)
            assert list(session) == []
