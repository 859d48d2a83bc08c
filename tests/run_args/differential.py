"""Thousands of random lines, given to us and to the docker CLI: `python -m tests.run_args.differential N SEED [CLI]`.

Prints N, the seed, and each line of which the two make something different, without the words that don't matter.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hypothesis.strategies import SearchStrategy

from tests.docker_cli import Ask, cli_version, known_options, oracles
from tests.run_args.cases import ENVIRON
from tests.run_args.desk import MEASURE, Outcome, difference, is_deliberate, ours, prepare, theirs
from tests.run_args.lines import drawn, lines, shortest

AT_ONCE = 4


def compare(ask: Ask, argument_lines: Sequence[tuple[str, ...]]) -> list[tuple[Outcome, Outcome]]:
    """Return what we and docker make of each line."""
    answers = zip(argument_lines, ask(argument_lines), strict=True)
    return [(ours(words, where), theirs(said, where)) for words, (said, where) in answers]


def smallest(ask: Ask, words: tuple[str, ...]) -> tuple[tuple[str, ...], Outcome, Outcome]:
    """Return a line that differs without the words that don't matter, and what is made of it."""

    def differs(some: tuple[str, ...]) -> bool:
        ((mine, other),) = compare(ask, [some])
        images = {outcome.body["Image"] for outcome in (mine, other) if outcome.body is not None}
        return images == {"image"} and bool(difference(some, mine, other))

    small = shortest(words, differs)
    return small, *compare(ask, [small])[0]


def unmeant(
    ask: Ask, argument_lines: Sequence[tuple[str, ...]], version: tuple[int, ...]
) -> tuple[list[str], int, int]:
    """Return the differences that are not meant to be, how many are, and how many lines docker refuses."""
    outcomes = compare(ask, argument_lines)
    found: list[str] = []
    meant = 0
    for words, (mine, other) in zip(argument_lines, outcomes, strict=True):
        if difference(words, mine, other):
            small, mine, other = smallest(ask, words)
            if is_deliberate(small, mine, other, version):
                meant += 1
            else:
                found.append(difference(small, mine, other))
    return found, meant, sum(other.body is None for _, other in outcomes)


def lines_for(program: str) -> SearchStrategy[tuple[str, ...]]:
    """Return lines of the options that a CLI has, and with values that it understands as 28.2 does."""
    newest = cli_version(program) >= MEASURE
    return lines(known_options(program), newer=newest, odd=newest)


def main(argv: Sequence[str]) -> int:
    """Compare; return 1 if something differs that is not meant to."""
    count, number = int(argv[0]), int(argv[1])
    program = argv[2] if len(argv) > 2 else "docker"
    version = cli_version(program)
    argument_lines = drawn(lines_for(program), count, number)
    with (
        tempfile.TemporaryDirectory() as scratch,
        oracles(Path(scratch), AT_ONCE, program, prepare=prepare, environ=ENVIRON) as ask,
    ):
        found, meant, refused = unmeant(ask, argument_lines, version)
    print(*found, sep="\n", end="\n" if found else "")
    print(
        f"docker {'.'.join(map(str, version))}, N {len(argument_lines)}, seed {number}: {len(found)} differences, "
        f"{meant} that are meant; docker refuses {refused} of the lines"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
