"""Output that has nowhere to go, and words that make no command: one line, never a traceback."""

import subprocess
import sys
from typing import NoReturn

import pytest

from weave_http.cli import main, performing


def shell(line: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell with `$W` standing for the command."""
    return subprocess.run(
        ["sh", "-c", line],
        env={"W": f"{sys.executable} -m weave_http", "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("words", ["--version", "--help", "--dry-run ps", "image dockerfile"])
def test_a_full_disk_is_one_line(words: str) -> None:
    done = shell(f"$W {words} >/dev/full")
    assert (done.returncode, done.stderr) == (1, "weave: No space left on device\n")


@pytest.mark.parametrize("words", ["--version", "--dry-run ps", "--dry-run run 10.2.1.1/24 busybox"])
def test_streams_that_were_closed_are_no_matter(words: str) -> None:
    assert shell(f"$W {words} <&- >&-").returncode == 0
    assert shell(f"$W {words} <&- >&- 2>&-").returncode == 0


def test_a_reader_that_goes_away_is_no_matter() -> None:
    assert shell("$W --help | true").stderr == ""


def test_a_fault_of_our_own_is_one_line_unless_one_wants_to_see_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_arguments: object) -> NoReturn:
        raise KeyError("\x1b[2J")

    monkeypatch.setattr(performing, "perform", broken)
    assert main(["ps"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("weave: unexpected KeyError: ")
    assert "report it" in line
    assert line.isprintable()
    monkeypatch.setenv("WEAVE_DEBUG", "1")
    assert main(["ps"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_no_words_at_all_get_the_help_and_fail() -> None:
    done = shell("$W")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("Usage: weave ")


def test_a_group_alone_gets_its_help() -> None:
    done = shell("$W image")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Usage: weave image ")


def test_an_address_that_is_none_is_one_line() -> None:
    done = shell("DOCKER_HOST=tcp://ü☃:1 $W ps")
    assert done.returncode == 125
    assert done.stderr.count("\n") == 1
    assert "ü☃" in done.stderr


def test_an_archive_for_nowhere_is_refused() -> None:
    done = shell("$W image build -o /nonexistent/x.tar")
    assert (done.returncode, done.stderr) == (1, "weave: there is no directory /nonexistent\n")


@pytest.mark.parametrize("group", ["", "image", "sandbox"])
def test_no_line_of_the_help_is_cut_off_in_80_columns(group: str) -> None:
    lines = shell(f"COLUMNS=80 $W {group} --help").stdout.splitlines()
    assert len(lines) > 7
    assert [line for line in lines[1:] if line.endswith("...") or len(line) > 80] == []
