"""A call in full, and no secret in it."""

import base64
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fake_engine import FakeEngine, Recorded
from weave_http.cli.main import main
from weave_http.engine import Endpoint, Request
from weave_http.engine.address import TLSFiles
from weave_http.engine.version import NEWEST, version_text
from weave_http.transcript import Exchange, FullPrinter
from weave_http.transcript.masking import Hidden, find, is_secret, masked, masked_words

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


def test_a_secret_has_a_path_and_stands_between_pieces() -> None:
    document = {"Env": ["A=1", "DB_TOKEN=x", "DB_URL=pg://u:y@h"], "Cmd": ["weave", "--password", "z"], "Password": 7}
    assert [(each.path, each.pieces) for each in find(document)] == [
        (("Env", 1), ("DB_TOKEN=", Hidden("DB_TOKEN", "x"))),
        (("Env", 2), ("DB_URL=pg://u:", Hidden("DB_URL_PASSWORD", "y"), "@h")),
        (("Cmd", 2), (Hidden("PASSWORD", "z"),)),
        (("Password",), (Hidden("PASSWORD", 7),)),
    ]
    assert masked(document)["Env"] == ["A=1", "DB_TOKEN=********", "DB_URL=pg://u:********@h"]
    assert find(document)[0].path == ("Env", 1)


def test_a_line_for_a_shell_goes_on_after_a_variable() -> None:
    line = ["sh", "-ec", "DB_TOKEN='x y' ./run --password z; exit"]
    assert masked(line) == ["sh", "-ec", "DB_TOKEN='********' ./run --password ********; exit"]


S = "S3KRET"
BASIC = base64.b64encode(b"me:S3KRET").decode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        # addresses
        *(
            (f"{name}{scheme}://{user}:{secret}@{rest}", f"{name}{scheme}://{user}:********@{rest}")
            for name in ("", "DATABASE_URL=", "--db=", "see ", "wget '")
            for scheme, user, secret, rest in [
                ("postgres", "u", S, "h"),
                ("redis", "", S, "h:6379/0"),
                ("http", "u", f"{S}@{S}", "h/a@b"),
                ("amqp", "u", f"{S}/{S}?#", "h"),
                ("amqp", "u", f"{S}'{S}", "h"),
                ("mongodb+srv", "u", S, "h1:1,h2:2/db?x=y"),
            ]
        ),
        (f"x token=pg://u:{S};{S}@h", "x token=********@h"),
        (f"DSN=root:{S}@tcp(db:3306)/x", "DSN=root:********@tcp(db:3306)/x"),
        ("http://u:1234@h/", "http://u:********@h/"),
        (f"https://gh_{S * 3}@github.example/x", "https://********@github.example/x"),
        (f"http://h/?user=me&token={S}&x=1", "http://h/?user=me&token=********&x=1"),
        (f"Server=h;Uid=me;Pwd={S};X=1", "Server=h;Uid=me;Pwd=********;X=1"),
        # lines for a shell
        (f"mysql --password={S} -e 'x'", "mysql --password=******** -e 'x'"),
        (f"mysql --password {S} -e 'x'", "mysql --password ******** -e 'x'"),
        (f"redis-server --requirepass '{S} {S}'", "redis-server --requirepass '********'"),
        (f"export A=1 DB_PASSWORD={S}; ./run", "export A=1 DB_PASSWORD=********; ./run"),
        (f'set -e; TOKEN="{S} {S}" ./run && x', 'set -e; TOKEN="********" ./run && x'),
        (f"A={S[:1]} API_KEY='{S} {S}' x --token={S}", f"A={S[:1]} API_KEY='********' x --token=********"),
        (f"JAVA_OPTS=-Xmx1g -Ddb.password={S} -Dx=y", "JAVA_OPTS=-Xmx1g -Ddb.password=******** -Dx=y"),
        (f"OPTS=-Dpassword={S}", "OPTS=-Dpassword=********"),
        # fields of headers
        (f"Authorization: Bearer {S}", "Authorization: Bearer ********"),
        (f"curl -H 'Authorization: Basic {BASIC}' h", "curl -H 'Authorization: Basic ********' h"),
        (f"curl -H 'authorization:{S}' h", "curl -H 'authorization:********' h"),
        (f"HEADER=Bearer {S}", "HEADER=Bearer ********"),
        (f"Basic {BASIC}", "Basic ********"),
        (f"PRIVATE-TOKEN: {S}", "PRIVATE-TOKEN: ********"),
        (f"curl -H X-Api-Key:{S} h", "curl -H X-Api-Key:******** h"),
        # JSON
        (f'CONFIG={{"db.password": "{S}\\"{S}", "x": "y"}}', 'CONFIG={"db.password": "********", "x": "y"}'),
        (f'{{"auths": {{"r": {{"auth": "{S}"}}}}}}', '{"auths": {"r": {"auth": "********"}}}'),
        (f'"{{\\"token\\": \\"{S}\\"}}"', '"{\\"token\\": \\"********\\"}"'),
        (f"-----BEGIN RSA PRIVATE KEY-----\n{S}\n-----END", "-----BEGIN RSA PRIVATE KEY-----********-----END"),
        # whole words
        *(
            (f"{name}={S} {S}", f"{name}=********")
            for name in ("AUTH", "BASIC_AUTH", "DOCKER_AUTH_CONFIG", "AUTHORIZATION")
        ),
        *(
            (f"{option}DB_PASSWORD={S} {S}", f"{option}DB_PASSWORD=********")
            for option in ("-e", "-de", "-itde", "--env=", "--build-arg=")
        ),
    ],
)
def test_a_secret_within_a_value_is_masked_and_nothing_else(text: str, shown: str) -> None:
    assert masked([text]) == [shown]
    assert masked({"x": {"y": text}, "z": ["a", "b"]})["z"] == ["a", "b"]
    (secret,) = find([text])
    whole = "".join(str(piece.value) if isinstance(piece, Hidden) else piece for piece in secret.pieces)
    assert whole == text
    assert all(isinstance(piece, str) or re.fullmatch("[A-Z_][A-Z0-9_]*", piece.name) for piece in secret.pieces)
    assert masked(masked([text])) == [shown]


@pytest.mark.parametrize(
    "harmless",
    [
        *(
            {"Env": [item]}
            for item in ("TOKEN=", "KEYBOARD=us", "PATH=/bin:/secret", "PWD=/", "SSH_AUTH_SOCK=/s", "COMPASS=n")
        ),
        *(
            {"Env": [item]}
            for item in ("POSTGRES_PASSWORD_FILE=/run/secrets/x", "MYSQL_ALLOW_EMPTY_PASSWORD=yes", "AUTH=false")
        ),
        *(
            {"Env": [item]}
            for item in ("TOKENIZERS_PARALLELISM=false", "XAUTHORITY=/x", "URL=http://h:80/a@b", "A=ssh://me@h")
        ),
        *(
            {"Cmd": ["sh", "-c", line]}
            for line in ('x --password="$PW"', "PASSWORD=${PW} x", 'TOKEN="$(cat /run/t)" x', "cat a:b@c")
        ),
        *(
            {"Cmd": [word]}
            for word in (
                "--token-file=/x",
                "Basic configuration",
                "the bearer: me",
                "http://registry:4873/@x/y",
                "http://[::1]:80/a@b",
            )
        ),
        {"AuthToken": "", "Labels": {"com.example.auth": "true"}, "Secrets": [], "Token": None},
        {"Cmd": ["--password"]},
        {"HostConfig": {"Privileged": True, "Binds": ["/srv/token:/token:ro", "/run/secrets:/run/secrets"]}},
        {"Image": "registry.example:5000/secret/token:1", "Labels": {"a": "b:c@d"}},
        ["--password"],
    ],
)
def test_what_is_no_secret_stays(harmless: Any) -> None:
    assert masked(harmless) == harmless
    assert find(harmless) == []


@given(
    st.lists(st.sampled_from(["password", "--token", "x", "://u", *"=:/@\"'\\ $(){}&;.-?#\n"]), max_size=25).map(
        "".join
    )
)
def test_any_text_is_the_sum_of_its_pieces(text: str) -> None:
    for secret in find([text]):
        assert "".join(str(piece.value) if isinstance(piece, Hidden) else piece for piece in secret.pieces) == text


def test_long_texts_take_no_time() -> None:
    begun = time.perf_counter()
    for text in (
        "a" * 300_000,
        "a=" * 50_000,
        "://u:" * 20_000,
        '"' * 50_000,
        "-a " * 50_000,
        "x://u:@" * 3_000,
        "token=" * 50_000,
    ):
        find([text])
    assert time.perf_counter() - begun < 5


def test_words_of_a_command_are_masked() -> None:
    assert masked_words(["launch", "-password", "x", "10.0.0.1"]) == ["launch", "-password", "********", "10.0.0.1"]


@pytest.mark.parametrize("form", ["line", "curl", "http", "json"])
def test_the_command_line_knows_the_formats(form: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "weave_http", "--cold", "--dry-run", "--calls", form, "ps"],
        env={**os.environ, "WEAVE_PASSWORD": "hunter2", "DOCKER_HOST": "unix:///nowhere"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "hunter2" not in done.stdout
    assert f"/v{version_text(NEWEST)}/containers/create" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    "words",
    [
        *(("--dry-run", "--verbose", "--calls", form, "run") for form in ("line", "curl", "http", "json")),
        *(("explain", "--format", form, "run") for form in ("text", "markdown", "html")),
        ("script", "run"),
    ],
    ids=" ".join,
)
def test_what_is_shown_of_a_command_has_no_secret_in_it(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    line = "x --password=hunter2; y -H 'Authorization: Bearer hunter2' http://u:hunter2@h"
    typed = [
        "10.2.1.1/24",
        "--env=DATABASE_URL=pg://u:hunter2@h",
        "-eAUTH=hunter2",
        "busybox",
        "sh",
        "-c",
        line,
        "--token",
        "hunter2",
    ]
    for shown in (False, True):
        assert main(["-H", "unix:///nowhere", *(["--show-secrets"] if shown else []), *words, *typed]) == 0
        said, complaint = capsys.readouterr()
        assert ("hunter2" in said, "hunter2" in complaint) == (shown, False)


PLACES = [
    *(["-deAUTH=hunter2"], ["-dit", "-eAUTH=hunter2"], ["-l", "token=hunter2"], ["--label=db.password=hunter2"]),
    *(["--health-cmd", "check --password hunter2"], ["--log-opt", "splunk-token=hunter2"]),
    ["--mount", "type=volume,dst=/d,volume-opt=o=password=hunter2"],
    ["--entrypoint=x --token=hunter2"],
    ["-e", "AUTH"],
]
"""Places of a secret among docker run's options."""


@pytest.mark.parametrize("typed", PLACES, ids=" ".join)
@pytest.mark.parametrize("words", [("explain", "run"), ("script", "run"), ("--dry-run", "--calls", "curl", "run")])
def test_a_secret_in_any_option_is_in_no_comment_and_in_no_docker_line(
    words: tuple[str, ...], typed: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTH", "hunter2")
    assert main(["-H", "unix:///nowhere", *words, "10.2.1.1/24", *typed, "busybox", "sh"]) == 0
    said, complaint = capsys.readouterr()
    assert "hunter2" not in said + complaint
    assert "********" in said


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
    assert is_secret(name)


@pytest.mark.parametrize("name", ["PWD", "PATH", "OLDPWD", "COMPASS", "Privileged", "PASSIVE", "KEYBOARD"])
def test_other_variables_are_not(name: str) -> None:
    assert not is_secret(name)
