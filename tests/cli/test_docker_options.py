"""The options before the command: spelled as docker's, refused in one line, warnings given once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fake_engine import FakeEngine
from weave_http.cli.docker_options import spelled_out, unquoted
from weave_http.cli.main import main


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("--tls --tlsverify=0 ps", "--tls=true --tlsverify=0 ps"),
        ("-H=a -c=b ps", "--host=a --context=b ps"),
        ("-H= ps", "-H= ps"),
        ("--config --tls -v ps", "--config --tls -v ps"),
        ("run --tls -H=a", "run --tls -H=a"),
        ("-- --tls", "-- --tls"),
        ("-H", "-H"),
    ],
)
def test_options_are_spelled_out_up_to_the_command(typed: str, read: str) -> None:
    assert list(spelled_out(typed.split())) == read.split()


@pytest.mark.parametrize(
    ("text", "path"),
    [("'/a b'", "/a b"), ('"/a"', "/a"), ("'", "'"), ("''", ""), ("", ""), ("'/a\"", "'/a\""), (None, None)],
)
def test_quotes_around_a_path_are_none_of_it(text: str | None, path: str | None) -> None:
    assert unquoted(text) == path


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ("-H a --host=b ps", "-H is given 2 times; a command goes to one Docker host"),
        ("--tls=yes ps", "--tls=yes is neither true nor false; write --tls or --tls=false"),
        ("--tlsverify= ps", "--tlsverify= is neither true nor false; write --tlsverify or --tlsverify=false"),
        ("setup --from-host=", "--from-host is empty; as in --from-host tcp://10.0.0.1:2376"),
    ],
)
def test_what_is_refused_is_one_line(typed: str, complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(typed.split()) == 1
    assert capsys.readouterr() == ("", f"weave: {complaint}\n")


def test_a_socket_may_be_named_from_where_one_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with FakeEngine(tmp_path / "d.sock") as fake:
        main(["-H", "unix://d.sock", "ps"])
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
