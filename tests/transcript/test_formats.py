"""A call in full, and no secret in it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fake_engine import FakeEngine, Recorded
from weave_http.engine import Endpoint, Request
from weave_http.engine.endpoint import TLSFiles
from weave_http.engine.version import NEWEST, version_text
from weave_http.transcript import Exchange, FullPrinter
from weave_http.transcript.secrets import NAME, find, masked, masked_words

UNIX = Endpoint("unix", path="/run/with space.sock")
REQUESTS = (
    Request("HEAD", "/_ping"),
    Request(
        "POST",
        "/v1.41/containers/create",
        (("name", "it's & so on"),),
        (("Content-Type", "application/json"),),
        json.dumps({"Image": "busybox", "Cmd": ["echo", "it's", "$HOME", "ü"]}).encode(),
    ),
    Request("POST", "/v1.41/containers/x/start"),
    Request("GET", "/v1.41/containers/json", (("filters", '{"label":["a=b"]}'),)),
    Request("DELETE", "/v1.41/containers/x", (("v", "1"), ("force", "1"))),
)


def shown(form: str, request: Request, endpoint: Endpoint = UNIX, *, show_secrets: bool = False) -> list[str]:
    lines: list[str] = []
    FullPrinter(lines.append, form, endpoint, timed=False, show_secrets=show_secrets)(Exchange(request, 200, 0.1))
    return lines


def essence(request: Recorded) -> tuple[Any, ...]:
    return request.method, request.target, request.body, request.headers.get("content-type")


def expected(request: Request) -> tuple[Any, ...]:
    return request.method, request.target, request.body or b"", dict(request.headers).get("Content-Type")


def test_a_curl_line_sends_what_was_sent(either: FakeEngine) -> None:
    for request in REQUESTS:
        (line,) = shown("curl", request, either.endpoint)
        subprocess.run(["sh", "-c", line], check=True, timeout=20, capture_output=True)
    assert [essence(request) for request in either.requests] == [expected(request) for request in REQUESTS]


def test_http_is_the_request_as_it_goes_over_the_wire() -> None:
    endpoint = Endpoint("tcp", host="fd00::1", port=2376, base_path="/docker", tls=TLSFiles())
    assert shown("http", REQUESTS[1], endpoint)[:5] == [
        "POST /docker/v1.41/containers/create?name=it%27s+%26+so+on HTTP/1.1",
        "Host: [fd00::1]:2376",
        "Content-Type: application/json",
        f"Content-Length: {len(REQUESTS[1].body or b'')}",  # type: ignore[arg-type]
        "",
    ]


def test_json_is_one_object_a_line() -> None:
    for request in REQUESTS:
        (line,) = shown("json", request)
        told = json.loads(line)
        assert (told["method"], told["path"], told["query"]) == (request.method, request.path, dict(request.query))
        assert told["body"] == (json.loads(request.body) if isinstance(request.body, bytes) else None)


@pytest.mark.parametrize("form", ["curl", "http", "json"])
def test_no_secret_is_shown_unless_asked_for(form: str) -> None:
    document = {
        "Env": ["DB_TOKEN=hunter2"],
        "Cmd": ["--password", "hunter2", "--password=hunter2", "-password", "hunter2"],
    }
    request = Request("POST", "/x", (), (("X-Registry-Auth", "hunter2"),), json.dumps(document).encode())
    assert "hunter2" not in "\n".join(shown(form, request))
    assert "\n".join(shown(form, request, show_secrets=True)).count("hunter2") == 5


def test_a_secret_has_a_path_a_prefix_and_a_name() -> None:
    document = {"Env": ["A=1", "DB_TOKEN=x"], "Cmd": ["weave", "--password", "y"]}
    assert [(each.path, each.prefix, each.value, each.name) for each in find(document)] == [
        (("Env", 1), "DB_TOKEN=", "x", "DB_TOKEN"),
        (("Cmd", 2), "", "y", "PASSWORD"),
    ]
    assert document["Env"][1] == "DB_TOKEN=x"


@pytest.mark.parametrize(
    "harmless", [{"Env": ["TOKEN="]}, {"Cmd": ["a secret=thing"]}, {"AuthToken": ""}, ["--password"]]
)
def test_what_is_no_secret_stays(harmless: Any) -> None:
    assert masked(harmless) == harmless


def test_words_of_a_command_are_masked() -> None:
    assert masked_words(["launch", "-password", "x", "10.0.0.1"]) == ["launch", "-password", "********", "10.0.0.1"]


@pytest.mark.parametrize("form", ["line", "curl", "http", "json"])
def test_the_command_line_knows_the_formats(form: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "weave_http", "--dry-run", "--calls", form, "ps"],
        env={**os.environ, "WEAVE_PASSWORD": "hunter2", "DOCKER_HOST": "unix:///nowhere"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "hunter2" not in done.stdout
    assert f"/v{version_text(NEWEST)}/containers/create" in done.stdout
    assert done.stderr == ""


def test_a_trace_says_how_a_call_was_answered(tmp_path: Path) -> None:
    with FakeEngine(tmp_path / "d.sock") as fake:
        done = subprocess.run(
            [sys.executable, "-m", "weave_http", "--trace", "--calls", "http", "-H", fake.endpoint.url, "ps"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 125
    assert "\n# 404 after " in done.stderr


@pytest.mark.parametrize(
    "name", ["DB_PASS", "PASS", "MYSQL_PWD", "AWS_ACCESS_KEY", "API-KEY", "GH_PAT", "AWS_CREDENTIALS", "KEY_PASSPHRASE"]
)
def test_variables_that_are_called_like_secrets_are_masked(name: str) -> None:
    assert NAME.search(name)


@pytest.mark.parametrize("name", ["PWD", "PATH", "OLDPWD", "COMPASS", "Privileged", "PASSIVE", "KEYBOARD"])
def test_other_variables_are_not(name: str) -> None:
    assert not NAME.search(name)
