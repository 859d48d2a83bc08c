"""A failure is one line of one form, for people or as JSON, whichever side it comes from."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.fake_engine import FakeEngine, Run
from weave_http.cli import main
from weave_http.cli.failures import HostNamed, wants_json
from weave_http.constants import DEFAULT_IMAGE
from weave_http.host import Host, perform, perform_words
from weave_http.operations import Status

LINE = re.compile(r"weave: [^\n;]+(; [^\n]+)?\n")


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("zzz", 1),
        ("attach", 1),
        ("--nope", 1),
        ("-H", 1),
        ("setup --nope", 1),
        ("sandbox env", 1),
        ("-H tcp://127.0.0.1:1 ps", 125),
        ("-H nonsense://x ps", 125),
        ("-c nobody ps", 125),
        ("explain zzz", 1),
        ("setup --from /nowhere", 1),
        ("image build -o /nowhere/x", 1),
    ],
)
def test_every_failure_of_the_callers_side_is_a_line_of_one_form(
    typed: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(typed.split()) == code
    said, complaint = capsys.readouterr()
    assert said == ""
    assert LINE.fullmatch(complaint), complaint


@pytest.mark.parametrize(
    ("words", "code"), [(["zzz"], 1), (["attach"], 1), (["config"], 1), (["launch-proxy"], 1), ([], 1)]
)
def test_every_failure_of_the_hosts_side_is_a_line_of_the_same_form(words: list[str], code: int) -> None:
    outcome = perform_words(Host({}), words)
    assert (outcome.code, outcome.out) == (code, "")
    assert LINE.fullmatch(outcome.err), outcome.err


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("ps --format json", True),
        ("-H x status --format=json targets", True),
        ("-H", False),
        ("--tls=oops ps --format json", True),
        ("ps", False),
        ("ps --format text", False),
        ("ps -- --format json", False),
        ("report --format json", False),
        ("run 10.2.1.1/24 busybox --format json", False),
        ("", False),
    ],
)
def test_json_is_asked_for_by_commands_that_answer_in_json(typed: str, asked: bool) -> None:
    assert wants_json(typed.split()) is asked


def test_a_failure_of_the_callers_side_is_an_object_if_json_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ps", "--format", "json", "--nope"]) == 1
    refused = {"error": "unknown option '--nope'", "hint": "see `weave ps --help`", "code": 1}
    assert json.loads(capsys.readouterr().err) == refused
    assert main(["-H", "tcp://127.0.0.1:1", "status", "--format", "json"]) == 125
    value = json.loads(capsys.readouterr().err)
    assert list(value) == ["error", "hint", "code", "host"]
    assert (value["code"], value["host"]) == (125, "tcp://127.0.0.1:1")


def test_so_is_one_on_the_host() -> None:
    outcome = perform(Host({"WEAVE_HTTP_ADDR": "127.0.0.1:1", "PROCFS": "/proc"}), Status(json=True))
    assert outcome.code == 1
    value = json.loads(outcome.err)
    assert sorted(value) == ["code", "error", "hint"]
    assert value["code"] == 1
    assert value["error"]


def test_a_failure_on_the_host_gets_its_address_on_the_way(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    lines = b'WARNING: old\n{"error": "no router", "hint": "", "code": 1}\n'
    with FakeEngine(tmp_path / "d.sock") as fake:
        fake.images[DEFAULT_IMAGE] = {"Id": "sha256:1"}
        fake.program = lambda config: Run([(2, lines[:30]), (1, b"[]\n"), (2, lines[30:])], code=1)
        assert main(["-H", fake.endpoint.url, "ps", "--format", "json"]) == 1
        said, complaint = capfdbinary.readouterr()
        warning, failure = complaint.splitlines()
        assert (said, warning) == (b"[]\n", b"WARNING: old")
        assert json.loads(failure) == {"error": "no router", "hint": "", "code": 1, "host": fake.endpoint.url}


@pytest.mark.parametrize("line", [b"{", b"{}", b'{"a": 1}', b"weave: x; y", b"[" * 9, b"\xff", b""])
def test_other_lines_on_the_way_pass_as_they_are(line: bytes) -> None:
    passed: list[bytes] = []

    class Sink:
        def write(self, data: bytes) -> int:
            passed.append(data)
            return len(data)

        def flush(self) -> None: ...

    named = HostNamed(Sink(), "unix:///x")
    named.write(line + b"\n" + line)
    named.end()
    assert b"".join(passed) == line + b"\n" + line
