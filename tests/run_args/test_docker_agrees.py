"""The real docker CLI sends the same create call, and refuses the same lines.

28.2.2 was asked about every line of `cases`, and its answers are in `fixtures/docker-cli-28.2.2/run-lines.json`: they
count on every machine. Then the docker CLI of this machine is asked, whichever it is, about all that it knows of: its
options by its own help, and values that an older one understands as 28.2 does. What it does not know is in the
recording, so nothing goes unchecked.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker_cli import Ask, cli_version, known_options, oracles
from tests.run_args.cases import ENVIRON, UNASKED, Line, all_lines
from tests.run_args.desk import MEASURE, Outcome, difference, is_deliberate, ours, prepare, theirs
from tests.run_args.differential import AT_ONCE, lines_for, unmeant
from tests.run_args.lines import drawn
from tests.run_args.record import recorded
from weave_http.run_args.table import OPTIONS

RANDOM_LINES = 60
SEED = 20150303
LINES = all_lines()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory in which lines are typed."""
    directory = tmp_path_factory.mktemp("cli") / "desk"
    directory.mkdir()
    prepare(directory)
    return directory


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """The docker CLI of this machine."""
    with oracles(tmp_path_factory.mktemp("oracle"), AT_ONCE, prepare=prepare, environ=ENVIRON) as asking:
        yield asking


def unlike(words: tuple[str, ...], mine: Outcome, other: Outcome, version: tuple[int, ...] = MEASURE) -> str:
    """Return how two outcomes differ, if that is not meant to be."""
    how = difference(words, mine, other)
    return "" if how and is_deliberate(words, mine, other, version) else how


def test_every_option_is_in_the_recording() -> None:
    assert recorded().keys() == {line.words for line in LINES}, "record anew: python -m tests.run_args.record"
    asked = {name for line in LINES for name in line.options}
    assert {option.name for option in OPTIONS} - UNASKED <= asked
    assert sum(outcome.body is None for outcome in recorded().values()) > 300


def test_every_line_is_read_as_docker_28_2_2_was_recorded_to_read_it(desk: Path) -> None:
    found = [unlike(words, ours(words, desk), outcome) for words, outcome in recorded().items()]
    assert list(filter(None, found)) == []


def test_every_line_is_read_as_the_installed_docker_cli_reads_it(ask: Ask) -> None:
    known = known_options() | {"kernel-memory"}
    newest = cli_version() >= MEASURE

    def is_known(line: Line) -> bool:
        return newest or (not line.newer and all(name in known for name in line.options if name in names))

    names = {option.name for option in OPTIONS}
    lines = [line.words for line in LINES if is_known(line)]
    assert len(lines) > 900
    answers = zip(lines, ask(lines), strict=True)
    version = cli_version()
    found = [unlike(words, ours(words, where), theirs(said, where), version) for words, (said, where) in answers]
    assert list(filter(None, found)) == []


def test_random_lines_are_read_as_the_installed_docker_cli_reads_them(ask: Ask) -> None:
    found, _, refused = unmeant(ask, drawn(lines_for("docker"), RANDOM_LINES, SEED), cli_version())
    assert found == []
    assert refused < RANDOM_LINES * 0.6, "most random lines should be good ones"
