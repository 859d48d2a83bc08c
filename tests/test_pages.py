"""Every command that README and the pages show is one: its words are accepted, as they stand there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from weave_http.cli.docker_options import read
from weave_http.cli.index import COMMANDS
from weave_http.cli.main import main
from weave_http.operations import find

PROJECT = Path(__file__).parents[1]
PAGES = (PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md")))
_LINE = re.compile(r"^(?:    |\$ )(weave .*)$", re.MULTILINE)
_PATTERN = re.compile(r"…|\[|\||\b[A-Z]{4,}\b")
"""What stands for something else in a line that shows a form, not a command."""


def shown() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the page and the words of each command that is shown as it is typed."""
    for page in PAGES:
        for line in _LINE.findall(page.read_text(encoding="utf-8")):
            if not _PATTERN.search(line.partition("  #")[0]):
                yield page.name, tuple(shlex.split(line.replace("$(weave dns-args)", ""), comments=True)[1:])


COMMANDS_SHOWN = sorted(set(shown()))


def test_commands_are_found_on_the_pages() -> None:
    assert len(COMMANDS_SHOWN) > 30
    assert ("README.md", ("launch", "host1")) in COMMANDS_SHOWN


@pytest.mark.parametrize(
    ("page", "words"), COMMANDS_SHOWN, ids=[" ".join((page, *words)) for page, words in COMMANDS_SHOWN]
)
def test_a_command_on_a_page_is_accepted(
    page: str,
    words: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for port, host in enumerate(("host1", "host2", "web1"), start=1):
        assert main(["hosts", "add", host, f"tcp://127.0.0.1:{port}", "--label", "db"]) == 0
    if {"--on", "--spread"} & set(words):
        monkeypatch.setenv("WEAVE_HOSTS", "label=db")
    _, rest = read(words)
    assert rest[0] in COMMANDS or find(rest[0]), page
    if rest[0] not in COMMANDS:
        assert main(["--dry-run", *words]) == 0, (page, capsys.readouterr().err)
