"""Where credentials come from, and what of them a daemon is told."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weave_http.engine.credentials import (
    DOCKER_HUB,
    Credentials,
    HelperFailure,
    NothingStored,
    RunHelper,
    auth_header,
    build_header,
    docker_credentials,
    registry_of,
    run_helper,
)

HOST = "registry.example:5000"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def find(
    config: object,
    registry: str = HOST,
    *,
    environ: dict[str, str] | None = None,
    run: RunHelper | None = None,
    warnings: list[str] | None = None,
) -> Credentials | None:
    content = config if isinstance(config, bytes) else json.dumps(config).encode()
    files = {"/home/me/.docker/config.json": content}
    seen: list[str] = [] if warnings is None else warnings
    found = docker_credentials({"HOME": "/home/me", **(environ or {})}, read=files.get, run=run, warn=seen.append)(
        registry
    )
    assert warnings is not None or not seen
    return found


@pytest.mark.parametrize(
    ("reference", "registry"),
    [
        ("busybox", DOCKER_HUB),
        ("library/busybox", DOCKER_HUB),
        ("docker.io/library/busybox", DOCKER_HUB),
        ("index.docker.io/x/y", DOCKER_HUB),
        ("ghcr.io/x/y", "ghcr.io"),
        ("localhost/x", "localhost"),
        ("localhost:5000/x", "localhost:5000"),
        ("registry:5000/x", "registry:5000"),
        ("BIG/x", "BIG"),
        ("me/busybox.x", DOCKER_HUB),
    ],
)
def test_which_registry_an_image_is_from(reference: str, registry: str) -> None:
    assert registry_of(reference) == registry


@pytest.mark.parametrize(
    "key", [HOST, f"https://{HOST}", f"http://{HOST}/", f"https://{HOST}/v1/", f"https://{HOST}/v2/"]
)
def test_a_password_of_the_file(key: str) -> None:
    found = find({"auths": {"other": {}, key: {"auth": encoded("me:se:cret\0")}}})
    assert found == Credentials(HOST, "me", "se:cret")
    assert found.document == {"username": "me", "password": "se:cret", "serveraddress": HOST}


def test_user_and_password_may_stand_there_as_they_are() -> None:
    assert find({"auths": {HOST: {"username": "me", "password": "x"}}}) == Credentials(HOST, "me", "x")


def test_an_identity_token_of_the_file_counts_more_than_a_password() -> None:
    found = find({"auths": {HOST: {"auth": encoded("me:x"), "identitytoken": "tok"}}})
    assert found is not None
    assert found.document == {"username": "me", "password": "x", "identitytoken": "tok", "serveraddress": HOST}


def test_a_token_for_the_registry_is_sent_whoever_has_the_rest() -> None:
    config = {"auths": {HOST: {"registrytoken": "tok"}}}
    found = find(config)
    assert found is not None
    assert found.document == {"registrytoken": "tok", "serveraddress": HOST}
    stored = find({**config, "credsStore": "s"}, run=lambda _name, _registry: '{"Username": "u", "Secret": "s"}')
    assert stored == Credentials(HOST, "u", "s", registry_token="tok")


@pytest.mark.parametrize("auth", [encoded("me:x") + "\r\n", encoded("me:x")[:4] + "\n" + encoded("me:x")[4:]])
def test_ends_of_lines_in_a_password_s_encoding_are_no_matter(auth: str) -> None:
    assert find({"AUTHS": {HOST: {"Auth": auth}}}) == Credentials(HOST, "me", "x")


@pytest.mark.parametrize(
    "auth", [encoded("me"), encoded(":x"), encoded("me:x") + " ", "!!", encoded("me:xx").rstrip("=")]
)
def test_a_password_that_can_t_be_read_is_told_and_not_shown(auth: str) -> None:
    warnings: list[str] = []
    assert find({"auths": {HOST: {"auth": auth}}}, warnings=warnings) is None
    (warning,) = warnings
    assert warning.startswith(f"the auth of {HOST} in /home/me/.docker/config.json is not USER:PASSWORD")
    assert auth not in warning


@pytest.mark.parametrize(
    "key", ["index.docker.io", "docker.io", "https://index.docker.io/v1", "https://index.docker.io/v2/"]
)
def test_other_names_of_docker_hub_are_other_registries(key: str) -> None:
    assert find({"auths": {key: {"auth": encoded("me:x")}}}, DOCKER_HUB) is None


def test_docker_hub_has_a_name_of_its_own() -> None:
    assert find({"auths": {DOCKER_HUB: {"auth": encoded("me:x")}}}, DOCKER_HUB) == Credentials(DOCKER_HUB, "me", "x")


@pytest.mark.parametrize("config", [{"credHelpers": {HOST: "own"}, "credsStore": "all"}, {"credsStore": "own"}])
def test_a_helper_is_asked_and_the_file_is_not(config: dict[str, Any]) -> None:
    asked = []

    def run(name: str, registry: str) -> str:
        asked.append((name, registry))
        return json.dumps({"ServerURL": registry, "Username": "me", "Secret": "x"})

    assert find({**config, "auths": {HOST: {"auth": encoded("other:y")}}}, run=run) == Credentials(HOST, "me", "x")
    assert asked == [("own", HOST)]


def test_a_helper_of_another_registry_is_not_asked() -> None:
    config = {"credHelpers": {"other": "own"}, "auths": {HOST: {"auth": encoded("me:x")}}}
    assert find(config) == Credentials(HOST, "me", "x")


def test_a_helper_may_have_an_identity_token() -> None:
    found = find({"credsStore": "s"}, run=lambda _name, _registry: '{"Username": "<token>", "Secret": "tok"}')
    assert found == Credentials(HOST, identity_token="tok")


def test_a_helper_that_knows_nothing_has_the_last_word() -> None:
    def run(_name: str, _registry: str) -> str:
        raise NothingStored

    assert find({"credsStore": "s", "auths": {HOST: {"auth": encoded("me:x")}}}, run=run) is None


def test_a_registry_may_be_excepted_from_the_store() -> None:
    config = {"credHelpers": {HOST: ""}, "credsStore": "s", "auths": {HOST: {"auth": encoded("me:x")}}}
    assert find(config) == Credentials(HOST, "me", "x")


@pytest.mark.parametrize(
    "output", ["", "nonsense", "[]", '{"Username": "x"}', "null", '{"Username": "x", "Secret": 7}']
)
def test_where_a_helper_answers_nonsense_the_file_counts(output: str) -> None:
    warnings: list[str] = []
    config = {"credsStore": "s", "auths": {HOST: {"auth": encoded("me:x")}}}
    assert find(config, run=lambda _name, _registry: output, warnings=warnings) == Credentials(HOST, "me", "x")
    assert warnings == [
        f"docker-credential-s has no credentials for {HOST}: its answer is no credentials; "
        "going on with /home/me/.docker/config.json"
    ]


def test_the_variable_counts_first_and_the_file_where_it_has_nothing() -> None:
    environ = {"DOCKER_AUTH_CONFIG": json.dumps({"auths": {HOST: {"auth": encoded("env:x")}}, "credsStore": "no"})}
    config = {"auths": {HOST: {"auth": encoded("file:x")}, "other": {"auth": encoded("file:y")}}}
    assert find(config, environ=environ) == Credentials(HOST, "env", "x")
    assert find(config, "other", environ=environ) == Credentials("other", "file", "y")


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b'"x"'])
def test_a_broken_configuration_is_told_and_no_failure(content: bytes) -> None:
    warnings: list[str] = []
    assert find(content, warnings=warnings) is None
    (warning,) = warnings
    assert warning.startswith("/home/me/.docker/config.json ")
    assert warning.endswith("; going on without it")


@pytest.mark.parametrize("content", ["{", "[]", "x"])
def test_a_broken_variable_is_told_and_no_failure(content: str) -> None:
    warnings: list[str] = []
    config = {"auths": {HOST: {"auth": encoded("me:x")}}}
    found = find(config, environ={"DOCKER_AUTH_CONFIG": content}, warnings=warnings)
    assert found == Credentials(HOST, "me", "x")
    assert [warning.partition(" ")[0] for warning in warnings] == ["DOCKER_AUTH_CONFIG"]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([HOST, "auth", ""]), inner),
    )
)
def test_any_configuration_has_credentials_or_none(value: object) -> None:
    for config in ({"auths": value}, {"credHelpers": value}, {"credsStore": value}):
        found = find(config, run=lambda _name, _registry: '{"Username": "u", "Secret": "s"}', warnings=[])
        assert found is None or found.server == HOST


def test_what_a_daemon_is_told() -> None:
    known = Credentials(HOST, "me", "x")
    assert json.loads(base64.urlsafe_b64decode(auth_header(known))) == known.document
    assert auth_header(None) == "e30="
    assert json.loads(base64.urlsafe_b64decode(build_header({HOST: known}))) == {HOST: known.document}
    tricky = Credentials(HOST, "é", "???>>>~~~")
    assert not set(auth_header(tricky)) & set("+/")
    assert "x" not in repr(Credentials("h", "me", "x"))


def test_a_real_helper_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper = tmp_path / "docker-credential-test"
    helper.write_text(
        '#!/bin/sh\nread -r server\n[ "$1" = get ] || exit 9\n'
        'case $server in *example*) printf \'{"Username": "%s", "Secret": "x"}\' "$server";;\n'
        "silent) echo S3KRET; exit 3;; *) echo credentials not found in native keychain; exit 1;; esac\n"
    )
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert json.loads(run_helper("test", HOST))["Username"] == HOST
    with pytest.raises(NothingStored):
        run_helper("test", "elsewhere")
    with pytest.raises(HelperFailure, match=r"^its `get` ended with 3$"):
        run_helper("test", "silent")
    with pytest.raises(HelperFailure, match="it is not installed"):
        run_helper("missing", HOST)
    (tmp_path / "docker-credential-plain").write_text("")
    with pytest.raises(HelperFailure, match=r"^it may not be executed$"):
        run_helper("plain", HOST)
    (tmp_path / "docker-credential-odd").write_bytes(b"\xff\xfe")
    (tmp_path / "docker-credential-odd").chmod(0o755)
    with pytest.raises(HelperFailure, match=r"^it can't be run: Exec format error$"):
        run_helper("odd", HOST)
