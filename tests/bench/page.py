"""docs/benchmarks.md: one section a table, each of which can be measured anew without the others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tests.bench.figures import Table

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
_INTRODUCTION = """\
# Benchmarks

Made by `make bench ARGS=--write`, on Docker hosts of `weave sandbox` on one machine; with `--only PART --write` the
tables of a part are made anew and the others stay, so that each has its date. What is compared was measured in the same
run, in turns (A, B, A, B, …), so that whatever disturbed the machine disturbed both alike; a ratio is that of the
medians, *per round* its smallest and largest of one round. Figures in seconds are of the machine as it was then: it is
a virtual one whose speed changes, which the time of `python -c pass` shows; ratios carry over better.
"""
_MACHINE = "Machine"


def renewed(before: str, about: Sequence[tuple[str, str]], tables: Sequence[Table], when: str) -> str:
    """Return the text of the page with tables that were just measured.

    Args:
        before: the text that it had; sections without a new table stay, in their places. Empty for a new page.
        about: the machine, as pairs of a thing and its description.
        tables: what was measured.
        when: a sentence that says when, and on how fast a machine.
    """
    machine = "\n".join(["| | |", "| --- | --- |", *(f"| {what} | {words} |" for what, words in about)])
    sections = dict(re.findall(r"^## ([^\n]+)\n\n(.*?)\n*(?=^## |\Z)", before, re.MULTILINE | re.DOTALL))
    sections.pop(_MACHINE, None)
    sections = {_MACHINE: machine, **sections, **{table.title: f"{when}\n\n{table.markdown()}" for table in tables}}
    return "\n".join([_INTRODUCTION, *(f"## {title}\n\n{text}\n" for title, text in sections.items())])
