"""The options before the command: spelled as docker's, refused in one line, warnings given once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.fake_engine import FakeEngine
from weave_http.cli.docker_options import GLOBAL_OPTIONS, read, unquoted
from weave_http.cli.main import main
from weave_http.cli.options import Globals
from weave_http.records import fields


@pytest.mark.parametrize(
    ("typed", "given", "rest"),
    [
        ("--tls --tlsverify=0 ps", {"tls": True, "tlsverify": False}, "ps"),
        ("-H=a -c=b ps", {"host": "a", "context": "b"}, "ps"),
        ("-Ha -cb ps", {"host": "a", "context": "b"}, "ps"),
        ("-H= ps", {"host": "="}, "ps"),
        ("--host= ps", {"host": ""}, "ps"),
        ("-vH a ps", {"verbose": True, "host": "a"}, "ps"),
        ("-vv ps -v", {"verbose": True}, "ps -v"),
        ("--config --tls -v ps", {"config": "--tls", "verbose": True}, "ps"),
        ("--trace=false --calls JSON ps", {"trace": False, "calls": "json"}, "ps"),
        ("run --tls -H=a", {}, "run --tls -H=a"),
        ("-v -- --tls", {"verbose": True}, "--tls"),
        ("-v --help -H", {"verbose": True}, "--help -H"),
        ("--nope -H", {}, "--nope -H"),
        ("-vx ps", {"verbose": True}, "-x ps"),
        ("-", {}, "-"),
    ],
)
def test_options_are_read_up_to_the_first_word_that_is_none(typed: str, given: dict[str, Any], rest: str) -> None:
    assert read(typed.split()) == (Globals(**given), rest.split())


def test_each_option_sets_a_field_of_its_own_that_there_is() -> None:
    set_by_options = [option.field for option in GLOBAL_OPTIONS]
    assert len(set_by_options) == len(set(set_by_options))
    assert {*set_by_options, "stage", "warn", "selection"} - {"hosts"} == {*fields(Globals)}


@pytest.mark.parametrize(
    ("text", "path"),
    [("'/a b'", "/a b"), ('"/a"', "/a"), ("'", "'"), ("''", ""), ("", ""), ("'/a\"", "'/a\"")],
)
def test_quotes_around_a_path_are_none_of_it(text: str, path: str) -> None:
    assert unquoted(text) == path


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        (
            "-H tcp://a --host=tcp://b explain ps",
            "this goes to one Docker host, and several are chosen; name one by -H or --context",
        ),
        (
            "--hosts nosuchhost ps",
            "no host is meant by 'nosuchhost'; the file of hosts is empty: weave hosts add; an endpoint has :// in it",
        ),
        (
            "-H tcp://a -H tcp://b attach 10.2.1.1/24 c",
            "10.2.1.1/24 can be on one host only, and 2 are chosen; name one by -H or --context",
        ),
        ("--tls=yes ps", "--tls=yes is neither true nor false; write --tls or --tls=false"),
        ("--tlsverify= ps", "--tlsverify= is neither true nor false; write --tlsverify or --tlsverify=false"),
        ("-v --tlscert", "option '--tlscert' needs a value; see `weave --help`"),
        ("--calls x ps", "unknown --calls 'x'; expected one of line, curl, http, json"),
        ("-v=x ps", "unknown option '-='; see `weave --help`"),
        ("setup --from-host=", "--from-host is empty; as in --from-host tcp://10.0.0.1:2376"),
    ],
)
def test_what_is_refused_is_one_line(typed: str, complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(typed.split()) == 1
    assert capsys.readouterr() == ("", f"weave: {complaint}\n")


def test_a_socket_may_be_named_from_where_one_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with FakeEngine(tmp_path / "d.sock") as fake:
        main(["--cold", "-H", "unix://d.sock", "ps"])
        assert [call.path for call in fake.requests][:2] == ["/_ping", "/containers/create"]


def test_a_broken_configuration_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_AUTH_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "config.json").write_text("{")
    typed = "--dry-run run --no-wait 10.2.1.1/24 --pull always busybox"
    assert main(["--config", str(tmp_path), *typed.split()]) == 0
    said, complaint = capsys.readouterr()
    assert "POST   /v1.55/images/create" in said
    assert complaint.startswith(f"weave: {tmp_path}/config.json is not JSON")
    assert len(complaint.splitlines()) == 1


def test_the_configuration_that_is_named_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.json").write_text('{"Proxies": {"default": {"HTTPProxy": "http://proxy.example"}}}')
    monkeypatch.setenv("DOCKER_CONFIG", "/nowhere")
    assert main(["--config", str(tmp_path), "-H", "h", "create-body", "-e", "DOCKER_CONFIG", "busybox"]) == 0
    body = capsys.readouterr().out
    assert '"http_proxy=http://proxy.example"' in body
    assert '"DOCKER_CONFIG=/nowhere"' in body
