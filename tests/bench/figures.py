"""What was measured, as people read it: tables for an 80-column terminal and for Markdown."""

from __future__ import annotations

import signal
import tempfile
import textwrap
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median

from weave_http.records import dataclass, field

WIDTH = 80
Cells = tuple[str, ...]


def alternate(measures: Sequence[Callable[[], float]], rounds: int) -> list[list[float]]:
    """Measure several things in turns, A B A B …, so that what disturbs the machine disturbs all of them alike.

    Args:
        measures: each does its thing once and returns a figure.
        rounds: how often each.

    Returns:
        The figures of each, in the order of measuring.
    """
    figures: list[list[float]] = [[] for _ in measures]
    for _ in range(rounds):
        for measure, into in zip(measures, figures, strict=True):
            into.append(measure())
    return figures


@dataclass(frozen=True, slots=True)
class Compared:
    """One thing beside another, measured in turns.

    Args:
        what: was measured.
        ours: figures of weave's.
        theirs: figures of what it is compared with, of the same rounds.
        unit: of both.
        goal: what the ratio of the medians is to be; above it if `at_least`, else below it. None for no goal.
        at_least: more is better.
    """

    what: str
    ours: Sequence[float]
    theirs: Sequence[float]
    unit: str
    goal: float | None = None
    at_least: bool = False

    @property
    def ratio(self) -> float:
        """Median of ours by the median of theirs."""
        return median(self.ours) / median(self.theirs)

    @property
    def spread(self) -> tuple[float, float]:
        """Smallest and largest ratio of one round."""
        each = [ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True)]
        return min(each), max(each)

    @property
    def met(self) -> bool:
        """Whether the goal is reached, if there is one."""
        if self.goal is None:
            return True
        return self.ratio >= self.goal if self.at_least else self.ratio <= self.goal

    def cells(self) -> Cells:
        """Return it as a row for `COMPARED`."""
        low, high = self.spread
        goal = ("–", "")
        if self.goal is not None:
            goal = (f"{'≥' if self.at_least else '≤'} {self.goal:g}", verdict(self.met))
        figures = (figure(median(self.ours), self.unit), figure(median(self.theirs), self.unit))
        return (self.what, *figures, f"{self.ratio:.2f}", f"{low:.2f}–{high:.2f}", *goal)


COMPARED: Cells = ("", "weave", "beside", "ratio", "per round", "goal", "")


def verdict(met: bool) -> str:
    """Return a word for a goal that is reached or not."""
    return "met" if met else "MISSED"


def figure(value: float, unit: str) -> str:
    """Return a figure with its unit and as many digits as mean anything."""
    if unit == "s":
        return f"{value:.2f} s"
    if unit == "ms":
        return f"{value:.0f} ms" if value >= 10 else f"{value:.3f} ms" if value < 1 else f"{value:.1f} ms"
    return f"{value:,.0f} {unit}"


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its heading.

    Args:
        title: heading.
        columns: heads of the columns; all but the first are figures, and stand at the right.
        rows: cells, as many as columns each.
        notes: said below it, a paragraph each.
    """

    title: str
    columns: Cells
    rows: list[Cells] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Return it for a terminal of 80 columns."""
        widths = [max(map(len, column)) for column in zip(self.columns, *self.rows, strict=True)]
        lines = [_aligned(cells, widths) for cells in (self.columns, *self.rows)]
        notes = [line for note in self.notes for line in textwrap.wrap(note, WIDTH)]
        return "\n".join([self.title, "-" * len(self.title), *lines, *notes]) + "\n"

    def markdown(self) -> str:
        """Return it as a Markdown table and its notes, without the title."""
        rule = ["---", *("---:" for _ in self.columns[1:])]
        lines = [f"| {' | '.join(cells)} |" for cells in (self.columns, rule, *self.rows)]
        notes = [f"\n{textwrap.fill(note, 118)}" for note in self.notes]
        return "\n".join([*lines, *notes])


def measured_alone(measure: Callable[..., tuple[Table, list[str]]], argv: Sequence[str]) -> int:
    """Run one part of the benchmark and print its table; return the exit code: 1 if a goal is missed.

    Args:
        measure: of that part; takes a folder that is new, and `quick`.
        argv: `--quick`, or nothing.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as by Ctrl-C, what was made is taken away
    with tempfile.TemporaryDirectory(prefix="weave-bench-") as folder:
        table, missed = measure(Path(folder), quick="--quick" in argv)
    print(table.text())
    return 1 if missed else 0


def _aligned(cells: Iterable[str], widths: Sequence[int]) -> str:
    first, *others = (
        cell.rjust(width) if at else cell.ljust(width)
        for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join([first, *others]).rstrip()
