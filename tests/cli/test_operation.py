"""An operation as a command: its help, its refusals and its words are what the operation declares."""

from __future__ import annotations

import re

import pytest

from weave_http.cli import main
from weave_http.cli.index import COMMANDS
from weave_http.constants import FORWARDED_VARIABLES
from weave_http.operations import NAMES, find
from weave_http.operations.flags import FLAGS
from weave_http.operations.operation import EXIT_CODES, Option
from weave_http.operations.plain import GONE
from weave_http.operations.variables import EVERYWHERE, OF, VARIABLES, variables_of


def helped(capsys: pytest.CaptureFixture[str], name: str) -> str:
    assert main([name, "--help"]) == 0
    said, complaint = capsys.readouterr()
    assert complaint == ""
    return said


@pytest.mark.parametrize("name", [name for name in NAMES if name not in COMMANDS])
def test_help_has_summary_usage_parts_and_example(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERMINAL_WIDTH", "200")
    said = helped(capsys, name)
    operation = find(name)
    assert operation is not None
    assert said.startswith(f"Usage: weave {name}")
    plain = " ".join(said.split())
    for sentence in (operation.summary, operation.more, operation.example, operation.usage()):
        assert " ".join(sentence.split()) in plain
    for part in operation.parts:
        shown = ", ".join(part.names) if isinstance(part, Option) else part.metavar
        assert shown in said
        assert " ".join(part.help.split()) in plain
    for code, meaning in (*EXIT_CODES, *operation.exit_codes):
        assert re.search(rf"^  {code} +{re.escape(meaning)}$", said, re.MULTILINE), code
    for variable in (*EVERYWHERE, *variables_of(name)):
        assert f"  {variable} " in said


def test_the_help_of_launch_lists_every_flag(capsys: pytest.CaptureFixture[str]) -> None:
    said = helped(capsys, "launch")
    assert [flag.name for flag in FLAGS if f"  {flag.option}" not in said] == []


@pytest.mark.parametrize("columns", [40, 80])
def test_no_option_is_broken_in_two_by_the_line_of_usage(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert "[--no-multicast-route]" in helped(capsys, "attach")


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ("attach", "no container given; see `weave attach --help`"),
        ("attach 10.2.1.1/24", "no container given; see `weave attach --help`"),
        ("attach 10.2.1.1/24 a b", "unexpected argument 'b'; see `weave attach --help`"),
        ("attach --nope 10.2.1.1/24 a", "unknown option '--nope'; see `weave attach --help`"),
        ("connect", "no peer given; see `weave connect --help`"),
        ("launch --nope", "unknown option '--nope'; see `weave launch --help`"),
        ("launch --port", "option '--port' needs a value; see `weave launch --help`"),
        ("launch --password", "option '--password' needs a value; see `weave launch --help`"),
        ("launch 10.0.0.999", "invalid peer '10.0.0.999'; expected HOST or HOST:PORT, with a name or an address"),
        ("status nope", "unknown section 'nope'; expected one of targets, connections, peers, dns, ipam, networks"),
        ("attach 10.2.1.1 c1", "address 10.2.1.1 has no length; as in 10.2.1.1/24"),
        ("expose fd00::1", "address fd00::1 has no length; as in fd00::1/64"),
        ("secret x", "unexpected argument 'x'; see `weave secret --help`"),
        ("image x", "unknown command 'x'; see `weave image --help`"),
        ("setup --from-host", "option '--from-host' needs a value; see `weave setup --help`"),
        ("up --wait 0", "invalid --wait '0'; expected 1 to 3600"),
        ("up --wait x", "invalid --wait 'x'; expected a number"),
        ("completion tcsh", "unknown value 'tcsh'; expected one of 'bash', 'zsh', 'fish'"),
        ("explain attahc", "'attahc' can't be taken apart; did you mean attach?"),
        ("up unix:///x -- --nope", "unknown option '--nope'; see `weave launch --help`"),
        ("reset x", "unexpected argument 'x'; see `weave reset --help`"),
        ("stauts", "unknown command 'stauts'; did you mean status or start or restart?"),
        ("zzz", "unknown command 'zzz'; see `weave --help`"),
        ("setup --nope", "unknown option '--nope'; see `weave setup --help`"),
        ("setup --from", "option '--from' needs a value; see `weave setup --help`"),
        ("setup --build --from x", "--from and --build exclude each other; name one source"),
        (
            "completion",
            "missing argument '[bash|zsh|fish]'. Choose from: bash, zsh, fish; see `weave completion --help`",
        ),
        ("sandbox env", "missing argument 'NAME'; see `weave sandbox env --help`"),
        ("status --trace", "unknown option '--trace'; it stands before the command: weave --trace status"),
        ("ps --context prod", "unknown option '--context'; it stands before the command: weave --context NAME ps"),
        ("proxy --trace", "unknown option '--trace'; it stands before the command: weave --trace proxy"),
        ("ps -H=x", "unknown option '-H=x'; it stands before the command: weave -H=x ps"),
        ("--nope ps", "unknown option '--nope'; see `weave --help`"),
    ],
)
def test_words_that_make_no_command_are_one_line_with_what_to_do(
    typed: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(typed.split()) == 1
    assert capsys.readouterr() == ("", f"weave: {complaint}\n")


@pytest.mark.parametrize("typed", ["run 10.2.1.1/24 busybox --help", "run 10.2.1.1/24 -e A=--help busybox"])
def test_what_stands_behind_the_addresses_of_run_is_docker_runs(typed: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--dry-run", *typed.split()]) == 0
    assert "POST" in capsys.readouterr().out


@pytest.mark.parametrize("name", GONE)
def test_what_another_version_has_goes_to_the_host_as_it_was_typed(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--cold", "--dry-run", "-v", name, "--tls", "x"]) == 0
    assert f'"--local","{name}","--tls","x"' in capsys.readouterr().out.replace(" ", "").replace("\n", "")


def test_every_variable_is_handed_on_or_read_here_and_is_told_somewhere() -> None:
    assert set(OF) <= set(NAMES)
    told = {name for names in (EVERYWHERE, *map(variables_of, NAMES)) for name in names}
    assert told == set(VARIABLES)
    kept = {"WEAVEDNS_DOCKER_ARGS"}  # ignored with a warning
    assert set(VARIABLES) - {"DOCKER_HOST", "WEAVE_HOSTS", "EXEC_IMAGE", "PROCFS"} == set(FORWARDED_VARIABLES) - kept
