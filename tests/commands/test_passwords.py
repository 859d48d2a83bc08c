"""Where the caller's side has a password from, and that it is in nothing that is printed."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.commands.conftest import Desk
from weave_http.cli.main import main
from weave_http.commands import passwords, perform
from weave_http.engine.address import TLSFiles, parse_host
from weave_http.errors import UsageError
from weave_http.operations import Launch, Password
from weave_http.records import replace


def test_a_file_s_one_line_is_the_password(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("hunter2\n")
    assert passwords.given(Launch.parse(["--password-file", str(path), "host2"])) == "hunter2"
    assert passwords.given(Password(password_file=str(path))) == "hunter2"
    assert passwords.given(Launch.parse(["--password=x"])) == "x"
    assert passwords.given(Launch.parse(["host2"])) is None
    path.write_text("hunter2\nhunter3\n")
    with pytest.raises(UsageError, match="has 2 lines") as caught:
        passwords.given(Launch.parse(["--password-file", str(path)]))
    assert "hunter" not in str(caught.value)
    with pytest.raises(UsageError, match="No such file"):
        passwords.given(Password(password_file=str(tmp_path / "none")))


def test_stdin_is_read_once_for_however_many_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords._from_stdin.cache_clear()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"hunter2\n")))
    operation = Launch.parse(["--password-file", "-"])
    assert [passwords.given(operation) for _ in range(3)] == ["hunter2"] * 3
    passwords._from_stdin.cache_clear()


@pytest.mark.parametrize("form", [["--dry-run"], ["--dry-run", "-v"], ["explain"], ["script"]], ids=" ".join)
@pytest.mark.parametrize("way", ["--password", "--password-file", "WEAVE_PASSWORD"])
@pytest.mark.parametrize("command", ["launch", "password"])
def test_what_is_printed_of_a_command_has_no_password(
    form: list[str],
    way: str,
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if (command, way) == ("password", "--password"):
        with pytest.raises(UsageError):
            Password.parse(["--password", "hunter2"])
        return
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    (tmp_path / "password").write_text("hunter2\n")
    words = {"--password": [way, "hunter2"], "--password-file": [way, str(tmp_path / "password")]}.get(way, [])
    if not words:
        monkeypatch.setenv(way, "hunter2")
    assert main([*form, command, *words]) == 0
    printed = "".join(capsys.readouterr())
    assert "hunter2" not in printed
    assert "WEAVE_PASSWORD" in printed or form == ["--dry-run"]


SENT = [
    ("tcp://192.0.2.1:2375", None, True),
    ("tcp://192.0.2.1:2376", TLSFiles(), False),
    ("tcp://127.0.0.1:2375", None, False),
    ("tcp://localhost:2375", None, False),
    ("ssh://192.0.2.1", None, False),
    ("unix:///run/docker.sock", None, False),
]
"""Endpoints, how they speak TLS, and whether what goes there can be read on its way."""


@pytest.mark.parametrize(("url", "tls", "is_warned"), SENT)
@pytest.mark.parametrize("operation", [Launch(password="hunter2"), Launch(), Password()], ids=["word", "none", "other"])
def test_who_sends_a_password_over_a_network_without_tls_is_warned(
    url: str, tls: TLSFiles | None, is_warned: bool, operation: Launch | Password, desk: Desk
) -> None:
    environ = {"WEAVE_PASSWORD": "hunter2"} if operation == Password() else {}
    said = perform(replace(desk.caller, endpoint=parse_host(url, "", tls), environ=environ), operation).err
    assert (f"password goes to {url} without TLS" in said) is (is_warned and operation != Launch())
    assert "hunter2" not in said


def test_a_secret_is_printed_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["secret"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert len(line) == 32
