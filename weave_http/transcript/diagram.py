"""The sequence of a lesson as an SVG picture: who says what to whom, from top to bottom."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from weave_http.records import dataclass
from weave_http.transcript.lesson import Lesson

ACTORS = ("you: weave", "daemon: dockerd", "executor", "router")
_CALLER, _DAEMON, _EXECUTOR, _ROUTER = range(4)
_PLACE = {"executor": _EXECUTOR, "daemon": _DAEMON, "router": _ROUTER}
_X = (90, 340, 590, 800)
_WIDTH = 900
_TOP, _ROW = 64, 34
_CHARACTER = 7.3
"""Width of a character of the diagram's monospace font, a little on the safe side."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the picture: an arrow, or a note on somebody's own line.

    Args:
        source: index in `ACTORS`.
        target: the same; equal to `source` for a note.
        label: a few words.
        answer: drawn dashed.
    """

    source: int
    target: int
    label: str
    answer: bool = False


def rows(lesson: Lesson) -> Iterator[Row]:
    """Yield what happens, in order."""
    number = 0
    for chapter in lesson.chapters:
        for call in chapter.calls:
            number += 1
            if call.elsewhere:
                yield Row(_CALLER, _CALLER, f"{number}. there: {call.short}")
                continue
            yield Row(_CALLER, _DAEMON, f"{number}. {call.short}")
            if call.route.name != chapter.begin or not chapter.steps:
                continue
            yield Row(_DAEMON, _EXECUTOR, "runs it")
            for step in chapter.steps:
                actor = _PLACE[step.actor]
                yield Row(actor, _PLACE.get(step.to, actor), step.short)
            yield Row(_EXECUTOR, _DAEMON, "output, exit code", answer=True)
            yield Row(_DAEMON, _CALLER, "output, exit code", answer=True)


def svg(lesson: Lesson) -> str:
    """Return the picture; colours are the page's CSS variables."""
    told = list(rows(lesson))
    height = _TOP + _ROW * len(told) + 24
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" role="img" '
        f'aria-label="Sequence of {escape(lesson.command)}">',
        '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" '
        'orient="auto-start-reverse"><path d="M0 0 8 4 0 8z"/></marker></defs>',
    ]
    for x, actor in zip(_X, ACTORS, strict=True):
        width = len(actor) * _CHARACTER + 24
        parts.append(f'<line class="life" x1="{x}" y1="44" x2="{x}" y2="{height - 8}"/>')
        parts.append(f'<rect class="actor" x="{x - width / 2:.1f}" y="12" width="{width:.1f}" height="32" rx="6"/>')
        parts.append(f'<text class="name" x="{x}" y="33">{escape(actor)}</text>')
    for index, row in enumerate(told):
        parts += _note(row, _TOP + index * _ROW) if row.source == row.target else _arrow(row, _TOP + index * _ROW)
    return "\n".join([*parts, "</svg>"])


def _note(row: Row, y: int) -> list[str]:
    x, width = _X[row.source], len(row.label) * _CHARACTER + 20
    return [
        f'<rect class="note" x="{x - width / 2:.1f}" y="{y + 2}" width="{width:.1f}" height="24" rx="4"/>',
        f'<text x="{x}" y="{y + 18}">{escape(row.label)}</text>',
    ]


def _arrow(row: Row, y: int) -> list[str]:
    start, end = _X[row.source], _X[row.target]
    kind = "answer" if row.answer else "call"
    gap = 5 if end > start else -5
    ends = f'x1="{start + gap}" y1="{y + 22}" x2="{end - gap}" y2="{y + 22}"'
    return [
        f'<line class="{kind}" {ends} marker-end="url(#head)"/>',
        f'<text x="{(start + end) / 2:.1f}" y="{y + 15}">{escape(row.label)}</text>',
    ]
